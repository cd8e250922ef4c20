import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ConntrackCursor } from '../../src/conntrack-cursor.ts';
import { type DatagramSource, SingleDatagram } from '../../src/datagram-source.ts';
import { type RouteWalk, routeMessages } from '../../src/route-message.ts';
import { FIXTURES, readHexFile } from '../support/hex-file.ts';

vi.setConfig({ testTimeout: 60_000 });

const golden = FIXTURES.flatMap((name) => readHexFile(name));

/** A datagram whose view ends with it: a read outside throws. */
function guarded(datagram: Uint8Array): DatagramSource {
  const exact = new Uint8Array(new ArrayBuffer(datagram.length));
  exact.set(datagram);
  return new SingleDatagram().of(exact);
}

interface Change {
  readonly at: number;
  readonly value: number;
}

const changes = fc.array(fc.record({ at: fc.nat(400), value: fc.nat(255) }), { maxLength: 12 });

function mutate(bytes: Uint8Array, list: readonly Change[], length: number): Uint8Array {
  const copy = bytes.slice(0, Math.min(length, bytes.length));
  for (const { at, value } of list) if (copy.length > 0) copy[at % copy.length] = value;
  return copy;
}

describe('bytes that are not what they should be', () => {
  it('never make the conntrack cursor throw, read outside or run for ever', () => {
    const property = fc.property(
      fc.constantFrom(...golden),
      changes,
      fc.nat(500),
      (bytes, list, length) => {
        const cursor = new ConntrackCursor(guarded(mutate(bytes, list, length)));
        let shown = 0;
        while (cursor.next()) shown++;
        expect(shown + cursor.malformed).toBeLessThanOrEqual(bytes.length / 16 + 1);
      },
    );
    void fc.assert(property, { numRuns: 3000 });
  });

  it('never make expectations throw, read outside or run for ever', () => {
    const [made] = readHexFile('ftp4-expectations');
    void fc.assert(
      fc.property(changes, fc.integer({ min: 200, max: 500 }), (list, length) => {
        let told = 0;
        const cursor = new ConntrackCursor(guarded(mutate(made!, list, length)), {
          onExpectation: (_, { helper, nextHelper, flags, policy, natDirection }) => {
            told++;
            expect(helper.length).toBeLessThanOrEqual(15);
            expect(nextHelper.length).toBeLessThanOrEqual(31);
            expect(Math.max(flags, policy)).toBeLessThanOrEqual(255);
            expect([-1, 0, 1]).toContain(natDirection);
          },
        });
        while (cursor.next());
        expect(told + cursor.malformed + cursor.shown).toBeLessThanOrEqual(made!.length / 16 + 1);
      }),
      { numRuns: 5000 },
    );
  });

  it('of any kind are counted or skipped', () => {
    void fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const cursor = new ConntrackCursor(guarded(bytes));
        while (cursor.next()) expect([2, 10]).toContain(cursor.entry.family);
      }),
      { numRuns: 3000 },
    );
  });

  it('never make the route messages throw or read outside', () => {
    void fc.assert(
      fc.property(
        fc.constantFrom(16, 17, 20, 21, 2, 3),
        fc.uint8Array({ minLength: 16, maxLength: 200 }),
        (type, bytes) => {
          const view = new DataView(bytes.buffer);
          view.setUint32(0, bytes.length, true);
          view.setUint16(4, type, true);
          const walk: RouteWalk = { malformed: 0, interrupted: false };
          expect([...routeMessages(guarded(bytes), walk)].length).toBeLessThanOrEqual(13);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('a message that was cut', () => {
  it('is malformed at every length but its own', () => {
    const [bytes] = readHexFile('tcp4-events');
    for (let length = 1; length < bytes!.length; length++) {
      const cursor = new ConntrackCursor(guarded(bytes!.slice(0, length)));
      expect(cursor.next()).toBe(false);
      expect(cursor.malformed).toBe(1);
    }
  });

  it('does not hide the sound ones behind it', () => {
    const [first, second] = readHexFile('udp4-events');
    const both = new Uint8Array(first!.length + second!.length);
    both.set(first!);
    both.set(second!, first!.length);
    // The original tuple of the first one claims to be longer than its message.
    both[20] = 0xff;
    const cursor = new ConntrackCursor(guarded(both));
    expect(cursor.next()).toBe(true);
    expect(cursor.entry.status & 2).toBe(2);
    expect(cursor.malformed).toBe(1);
    expect(cursor.next()).toBe(false);
  });
});
