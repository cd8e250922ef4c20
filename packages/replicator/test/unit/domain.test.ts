import { FlowAttribute } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress, parsePrefix, prefixContains } from '../../src/address.ts';
import { Domain } from '../../src/domain.ts';
import { flowOf } from '../support/flows.ts';

const domain = new Domain({
  protocols: [6],
  ignorePrefixes: ['127.0.0.0/8', '224.0.0.0/4', 'fe80::/10', '255.255.255.255/32'],
  onlyPrefixes: [],
  zones: [],
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

describe('the filter', () => {
  const filtered = (filter: object) =>
    new Domain({
      ...{ protocols: [6], ignorePrefixes: [], onlyPrefixes: [], zones: [] },
      ...{ virtualAddresses: [], peerAddresses: [] },
      ...filter,
    });

  it('lets only flows in that touch a wanted prefix, with any end of any family', () => {
    const only = filtered({ onlyPrefixes: ['10.1.0.0/16', 'fd01::/32', '203.0.113.7/32'] });
    const ends = (src: string, dst: string, natTo = src) => flowOf({ src, dst, natTo });
    expect(only.contains(ends('10.1.2.3', '10.9.0.1'))).toBe(true);
    expect(only.contains(ends('10.9.0.1', '10.1.2.3'))).toBe(true);
    expect(only.contains(ends('10.9.0.1', '10.8.0.1', '203.0.113.7'))).toBe(true);
    expect(only.contains(ends('10.9.0.1', '10.8.0.1'))).toBe(false);
    expect(only.contains(ends('fd01::1', 'fd09::1'))).toBe(true);
    expect(only.contains(ends('fd09::1', 'fd02::1'))).toBe(false);
  });

  it('lets only flows of the wanted zones in, also of one direction', () => {
    const zoned = filtered({ zones: [3] });
    const flow = flowOf();
    expect(zoned.contains(flow)).toBe(false);
    flow.zone = 3;
    expect(zoned.contains(flow)).toBe(true);
    flow.zone = 0;
    flow.attributes |= FlowAttribute.zoneDirection;
    flow.zoneDirection = 2;
    flow.replyZone = 3;
    expect(zoned.contains(flow)).toBe(true);
    flow.replyZone = 4;
    expect(zoned.contains(flow)).toBe(false);
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
