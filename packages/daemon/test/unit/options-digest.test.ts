import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../src/config/config-file.ts';
import { optionsDigest } from '../../src/part-options.ts';

const members = [{ id: 'fw1', address: '10.77.0.1:7650' }];

function digestOf(vrrp: object | null): string {
  const text = stringify({
    cluster: { name: 'edge', members, virtualAddresses: ['192.168.0.100'] },
    node: { id: 'fw1' },
    peers: { insecure: true },
    ...(vrrp === null ? {} : { vrrp }),
  });
  return optionsDigest(parseConfig(text).config);
}

function group(name: string, zone: number, trackFile = `/var/lib/raftwall/${name}`) {
  return { name, instance: { group: name }, trackFile, select: { zones: [zone] } };
}

it("A6 members must have the same groups in the same order; what is a node's own does not count", () => {
  const digest = digestOf({ groups: [group('blue', 1), group('red', 2)] });
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(digestOf({ groups: [group('blue', 1, '/other'), group('red', 2)] })).toBe(digest);
  expect(digestOf({ groups: [group('red', 2), group('blue', 1)] })).not.toBe(digest);
  expect(digestOf({ groups: [group('blue', 1), group('red', 3)] })).not.toBe(digest);
  expect(digestOf({ groups: [group('blue', 1), group('pink', 2)] })).not.toBe(digest);
});

it('A6 the only group needs no selector: its name alone must be the same', () => {
  expect(digestOf(null)).toBe('');
  expect(digestOf({ instance: { group: 'G1' }, trackFile: '/x' })).toBe('');
  const blue = digestOf({ groups: [group('blue', 1)] });
  expect(blue).not.toBe('');
  expect(digestOf({ groups: [group('blue', 2)] })).toBe(blue);
});
