import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKeepalived } from '../../src/keepalived-conf.ts';

const strict = readFileSync(
  new URL('../../../../deploy/keepalived/strict.conf', import.meta.url),
  'utf8',
);

describe('keepalived.conf', () => {
  it('gives what deploy/keepalived has', () => {
    const conf = parseKeepalived(strict);
    expect(conf).toMatchObject({
      version: 3,
      fifos: ['/var/lib/raftwall/keepalived/fifo'],
      remarks: [],
    });
    const ready = { name: 'ready', file: '/var/lib/raftwall/keepalived/ready' };
    expect(conf.trackFiles).toMatchObject([{ ...ready, weight: 0, reverse: true }]);
    expect(conf.groups).toMatchObject([
      { name: 'G1', members: ['G1_eth1', 'G1_eth0'], isWeighted: false },
    ]);
    expect(conf.groups[0]?.trackFiles).toMatchObject([{ name: 'ready', weight: null }]);
    expect(conf.instances).toMatchObject([
      {
        ...{ name: 'G1_eth1', state: 'BACKUP', priority: 253, advertIntervalMs: 300 },
        ...{ nopreempt: true, version: null, addresses: ['192.168.0.100'] },
      },
      { name: 'G1_eth0', addresses: ['192.168.1.100'] },
    ]);
  });

  it('reads comments, quotes, braces on a line of their own, both lists of addresses, weights in place', () => {
    const conf = parseKeepalived(`
! old style
vrrp_track_file "my ready"
{
  file /x/ready # here
}
@node1 vrrp_instance V6
{
  virtual_ipaddress {
    FD00:0::1/64 dev eth0 scope global
  }
  virtual_ipaddress_excluded {
    10.0.0.1
  }
  track_file {
    ready weight -5 reverse
  }
}`);
    expect(conf.trackFiles).toMatchObject([{ name: 'my ready', file: '/x/ready', weight: null }]);
    expect(conf.instances).toMatchObject([
      {
        ...{ name: 'V6', line: 7, addresses: ['fd00::1', '10.0.0.1'] },
        ...{ priority: 100, advertIntervalMs: 1000, version: null },
        trackFiles: [{ name: 'ready', weight: -5, reverse: true }],
      },
    ]);
    expect(conf).toMatchObject({ version: 2, remarks: [] });
  });

  it('remarks what keepalived passes over', () => {
    const { remarks } = parseKeepalived('a {\n}\n}\ng { b\ninclude /etc/x\n');
    expect(remarks).toEqual([
      'line 3: a } without its {',
      'line 4: keepalived passes over what follows a brace: b',
      'line 5: the included files are not read here',
      '1 blocks are not closed',
    ]);
  });

  it('takes any text', () => {
    const pieces = strict.split(/(\s+|[{}])/);
    const mutated = fc
      .tuple(fc.nat(pieces.length - 1), fc.nat(4), fc.array(fc.constantFrom(...pieces, '{', '"')))
      .map(([at, count, put]) => pieces.toSpliced(at, count, ...put).join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), mutated), (text) => {
        expect(parseKeepalived(text).remarks).toBeInstanceOf(Array);
      }),
      { numRuns: 1_000 },
    );
    expect(() => parseKeepalived('a {\n'.repeat(10_000))).not.toThrow();
  });
});
