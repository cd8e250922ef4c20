import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { keepalivedFile } from '../../src/keepalived-file.ts';

const info = (address: string, length: number): NetworkInterfaceInfo =>
  ({ address, internal: false, cidr: `${address}/${length}` }) as NetworkInterfaceInfo;
const interfaces = {
  eth0: [info('192.168.1.11', 24), info('fd00:b::11', 64)],
  eth1: [info('192.168.0.11', 24)],
};

const text = (vrrp: string, addresses = '"192.168.0.100", "fd00:b::100"'): string => `
cluster:
  name: edge
  members: [{ id: fw1, address: "10.77.0.1:7650" }, { id: fw2, address: "10.77.0.2:7650" }]
  virtualAddresses: [${addresses}]
node: { id: fw2 }
peers: { insecure: true }
${vrrp}
`;
const fileOf = (yaml: string): string => keepalivedFile(parseConfig(yaml).config, interfaces);

it('puts each virtual address where its network is, and knows the number of the node', () => {
  const file = fileOf(
    text('vrrp: { mode: strict, instance: { group: G1 }, advertIntervalMs: 1000 }'),
  );
  expect(file).toMatch(/192\.168\.0\.100\/24 dev eth1\n/);
  expect(file).toMatch(/fd00:b::100\/64 dev eth0\n/);
  expect(file).toMatch(/priority 252\n/);
  expect(file).toMatch(/advert_int 1\n/);
});

it('gives each of several groups the addresses in its prefixes', () => {
  const groups = `vrrp:
  groups:
    - { name: a, instance: { group: A }, trackFile: /a, select: { prefixes: ["192.168.0.100/32"] } }
    - { name: b, instance: { group: B }, trackFile: /b, select: { prefixes: ["fd00:b::/64"] } }
`;
  const file = fileOf(text(groups));
  expect(file.match(/vrrp_instance \w+/g)).toEqual([
    'vrrp_instance A_eth1',
    'vrrp_instance B_eth0_6',
  ]);
});

it('says which address has no network here, and that there is no vrrp', () => {
  const foreign = text('vrrp: { instance: { group: G1 } }', '"172.16.0.1"');
  expect(() => fileOf(foreign)).toThrow(/no interface of this machine has a network with 172/);
  expect(() => fileOf(text(''))).toThrow(/no section vrrp/);
});
