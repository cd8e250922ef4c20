import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../src/config/config-file.ts';
import { raftOptions } from '../../src/part-options.ts';
import { refuseUnsupported } from '../../src/unsupported.ts';

function configOf(node: Record<string, unknown>) {
  const members = ['fw1', 'fw2', 'fw4'].map((id, i) => ({ id, address: `10.77.0.${i + 1}:7650` }));
  return parseConfig(
    stringify({
      cluster: { name: 'edge', members, virtualAddresses: ['192.168.0.100'] },
      node: { dataDir: '/var/lib/raftwall', ...node },
      peers: { insecure: true },
    }),
  ).config;
}

it('a joining member is no founder, whether it is listed or not: its say comes from the log', () => {
  const listed = configOf({ id: 'fw4', join: true });
  expect(() => refuseUnsupported(listed)).not.toThrow();
  expect(Object.keys(raftOptions(listed).members)).toEqual(['fw1', 'fw2']);
  const absent = configOf({ id: 'fw9', join: true });
  expect(Object.keys(raftOptions(absent).members)).toEqual(['fw1', 'fw2', 'fw4']);
  const founder = configOf({ id: 'fw4' });
  expect(Object.keys(raftOptions(founder).members)).toEqual(['fw1', 'fw2', 'fw4']);
});
