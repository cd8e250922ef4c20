import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflights } from '../../src/core/inflights.ts';

describe('window of requests', () => {
  it('is full at its number of messages or at its bytes, whichever comes first', () => {
    const byMessages = new Inflights(2, 1000);
    byMessages.add(1, 1);
    expect(byMessages.isFull).toBe(false);
    byMessages.add(2, 1);
    expect(byMessages.isFull).toBe(true);
    const byBytes = new Inflights(10, 1000);
    byBytes.add(1, 999);
    expect(byBytes.isFull).toBe(false);
    byBytes.add(2, 1);
    expect(byBytes.isFull).toBe(true);
  });

  it('is free again of what arrived, in messages and in bytes', () => {
    const window = new Inflights(10, 100);
    for (const index of [3, 5, 7]) window.add(index, 40);
    expect(window.isFull).toBe(true);
    window.freeTo(2);
    expect(window.count).toBe(3);
    window.freeTo(4);
    expect(window.count).toBe(2);
    expect(window.isFull).toBe(false);
    window.add(9, 20);
    expect(window.isFull).toBe(true);
    window.freeTo(9);
    expect(window.count).toBe(0);
    window.add(11, 99);
    expect(window.isFull).toBe(false);
  });

  it('forgets everything on a reset', () => {
    const window = new Inflights(2, 100);
    window.add(1, 60);
    window.add(2, 60);
    window.freeTo(1);
    window.reset();
    expect(window.count).toBe(0);
    window.add(3, 99);
    expect(window.isFull).toBe(false);
    expect(window.count).toBe(1);
  });

  it('has no place for more than its messages', () => {
    const window = new Inflights(1, 100);
    window.add(1, 1);
    expect(() => window.add(2, 1)).toThrow('no place left');
  });

  it('agrees with a plain list under any sequence of requests and answers', () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ freeBack: fc.integer({ min: 0, max: 8 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const [messagesMax, bytesMax] = [4, 120];
        const window = new Inflights(messagesMax, bytesMax);
        let list: { index: number; bytes: number }[] = [];
        let last = 0;
        for (const it of steps) {
          if ('add' in it) {
            if (window.isFull) continue;
            last++;
            window.add(last, it.add);
            list.push({ index: last, bytes: it.add });
          } else {
            const upTo = last - it.freeBack;
            window.freeTo(upTo);
            list = list.filter(({ index }) => index > upTo);
          }
          const bytes = list.reduce((sum, entry) => sum + entry.bytes, 0);
          expect(window.count).toBe(list.length);
          expect(window.isFull).toBe(list.length >= messagesMax || bytes >= bytesMax);
        }
      }),
      { numRuns: 300 },
    );
  });
});
