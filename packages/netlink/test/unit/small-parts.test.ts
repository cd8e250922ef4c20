import { isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { errnoName, NetlinkError } from '../../src/errors.ts';
import { formatAddress } from '../../src/ip-address.ts';
import { inverseL4 } from '../../src/l4-word.ts';
import {
  commandChannelOptions,
  dumperOptions,
  eventListenerDefaults,
  eventListenerOptions,
} from '../../src/options.ts';
import { eventFilter } from '../../src/socket-filter.ts';
import { setAddress } from '../support/entries.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('formatAddress', () => {
  it.each([
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0000:0001:0001:0001:0001:0001', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['fe80:0:0:0:0:0:0:0', 'fe80::'],
    ['0:0:0:0:0:ffff:c000:0201', '::ffff:192.0.2.1'],
  ])('writes %s as %s (RFC 5952)', (given, wanted) => {
    const bytes = new Uint8Array(16);
    setAddress(bytes, given);
    expect(formatAddress(10, bytes)).toBe(wanted);
  });

  it('writes what reads back as the same address', () => {
    const words = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), {
      minLength: 8,
      maxLength: 8,
    });
    void fc.assert(
      fc.property(words, (list) => {
        const bytes = new Uint8Array(list.flatMap((word) => [word >>> 8, word & 0xff]));
        const text = formatAddress(10, bytes);
        expect(isIPv6(text)).toBe(true);
        const again = new Uint8Array(16);
        if (!text.includes('.')) {
          setAddress(again, text);
          expect(again).toEqual(bytes);
        }
      }),
    );
    expect(formatAddress(2, new Uint8Array([192, 0, 2, 1, 9, 9]))).toBe('192.0.2.1');
  });
});

describe('inverseL4', () => {
  it.each([
    [6, 0x12345678, 0x56781234],
    [17, 0xffff0001, 0x0001ffff],
    [1, 0xabcd0800, 0xabcd0000],
    [1, 0xabcd0d00, 0xabcd0e00],
    [58, 0xabcd8000, 0xabcd8100],
    [58, 0xabcd8100, 0xabcd8000],
    [47, 0x00010002, 0x00020001],
    [89, 0, 0],
  ])('of protocol %i turns %i into %i', (protocol, given, wanted) => {
    expect(inverseL4(protocol, given)).toBe(wanted);
  });
});

describe('errors', () => {
  it('name the errno, the operation and the cause', () => {
    const cause = new Error('why');
    const error = new NetlinkError('bind', 98, { cause });
    expect(error.message).toBe('bind: EADDRINUSE (98)');
    expect(error).toMatchObject({ errno: 98, errnoName: 'EADDRINUSE', operation: 'bind', cause });
    expect([errnoName(0), errnoName(95), errnoName(9999)]).toEqual(['OK', 'EOPNOTSUPP', 'E9999']);
  });
});

describe('options', () => {
  it('have defaults that hold', () => {
    expect(eventListenerOptions({})).toEqual(eventListenerDefaults);
    expect(() => commandChannelOptions({})).not.toThrow();
    expect(() => dumperOptions({})).not.toThrow();
  });

  it.each([
    ['ringSlots', () => eventListenerOptions({ ringSlots: 100 })],
    ['receiveBufferBytes', () => eventListenerOptions({ receiveBufferBytes: 1 })],
    ['protocols', () => eventListenerOptions({ protocols: [256] })],
    ['paceMs', () => eventListenerOptions({ paceMs: Number.NaN })],
    ['batchMessagesMax', () => commandChannelOptions({ batchMessagesMax: 0 })],
    ['queueBatches', () => commandChannelOptions({ queueBatches: 3 })],
    ['sliceMs', () => dumperOptions({ sliceMs: 0 })],
  ])('are refused by name: %s', (option, act) => {
    expect(act).toThrow(expect.objectContaining({ code: 'NETLINK_OPTION', option }));
  });
});

describe('eventFilter', () => {
  it('is nothing when there is nothing to filter, and grows by one comparison a value', () => {
    const nothing = { ignorePortIds: [], protocols: [], ignorePrefixes: [], zones: [] };
    expect(eventFilter(nothing)).toBeNull();
    const one = eventFilter({ ...nothing, protocols: [1] })!;
    const three = eventFilter({ ...nothing, protocols: [1, 2, 3] })!;
    expect(three.length - one.length).toBe(16);
  });

  it('leaves out the prefixes that the kernel has no room for', () => {
    const nothing = { ignorePortIds: [], protocols: [], ignorePrefixes: [], zones: [] };
    for (const bytes of [4, 16]) {
      const prefix = { bytes: new Uint8Array(bytes), bits: bytes * 8 };
      const ignorePrefixes = new Array<typeof prefix>(1024).fill(prefix);
      const program = eventFilter({ ...nothing, ignorePrefixes, zones: [7], protocols: [6] })!;
      expect(program.length / 8).toBeGreaterThan(3400);
      expect(program.length / 8).toBeLessThan(4096);
    }
  });
});
