import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress, parsePrefix, prefixContains } from '../../src/address.ts';
import { Domain } from '../../src/domain.ts';
import { flowOf } from '../support/flows.ts';

const domain = new Domain({
  protocols: [6],
  ignorePrefixes: ['127.0.0.0/8', '224.0.0.0/4', 'fe80::/10', '255.255.255.255/32'],
  virtualAddresses: ['192.168.0.100', 'fd00::100'],
  peerAddresses: ['10.77.0.1', 'fd77::1'],
});
domain.setMemberAddresses(['192.168.0.11', '192.168.0.100', 'fd00::11', 'fd00::100', '200.1.1.1']);

describe('K1 domain', () => {
  it.each([
    ['192.168.0.3', '192.168.1.3', true],
    ['192.168.0.3', '192.168.0.11', false],
    ['192.168.0.3', '192.168.0.100', true],
    ['200.1.1.1', '192.168.1.3', false],
    ['10.77.0.1', '192.168.1.3', false],
    ['192.168.0.3', '239.1.2.3', false],
    ['192.168.0.3', '255.255.255.255', false],
    ['fd00::3', 'fd00::4', true],
    ['fd00::3', 'fd00::11', false],
    ['fd00::3', 'fd00::100', true],
    ['fd77::1', 'fd00::4', false],
    ['fe80::1', 'fd00::4', false],
    ['febf::1', 'fd00::4', false],
  ])('K1 domain: a flow from %s to %s is in: %s', (src, dst, isIn) => {
    expect(domain.contains(flowOf({ src, dst }))).toBe(isIn);
  });

  it('K1 domain: the address that a flow is translated to counts as well', () => {
    expect(domain.contains(flowOf({ natTo: '192.168.0.100' }))).toBe(true);
    expect(domain.contains(flowOf({ natTo: '192.168.0.11' }))).toBe(false);
  });
});

describe('addresses', () => {
  it.each([
    '::',
    '::1',
    'fd00::',
    'fd00:0:1::2',
    '2001:db8::1:0:0:1',
    '1:2:3:4:5:6:7:8',
    '10.0.0.1',
  ])('reads and writes %s', (text) => {
    const { family, bytes } = parseAddress(text);
    expect(formatAddress(family, bytes)).toBe(text);
  });

  it('compares prefixes that do not end at a byte', () => {
    const prefix = parsePrefix('10.1.128.0/17');
    expect(prefixContains(prefix, parseAddress('10.1.129.1').bytes)).toBe(true);
    expect(prefixContains(prefix, parseAddress('10.1.127.1').bytes)).toBe(false);
    expect(() => parsePrefix('10.0.0.0/33')).toThrow(/10.0.0.0\/33/);
  });
});
