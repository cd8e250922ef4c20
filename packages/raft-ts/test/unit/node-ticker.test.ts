import { describe, expect, it } from 'vitest';
import { Ticker } from '../../src/node/ticker.ts';
import { SimClock } from '../../src/testing/sim-clock.ts';

/** A clock whose loop can stand still: timers then fire late. */
class StallingClock extends SimClock {
  stallMs = 0;

  override setTimer(delayMs: number, callback: () => void): () => void {
    const extraMs = this.stallMs;
    this.stallMs = 0;
    return super.setTimer(delayMs + extraMs, callback);
  }
}

describe('Ticker', () => {
  it('L5 loop delay: says that it was late, and does not make up for the time that was lost', () => {
    const clock = new StallingClock();
    const calls: [number, boolean][] = [];
    const ticker = new Ticker(
      { tickMs: 15, lateMsMax: 150 },
      { clock, onTick: (ticks, isLate) => calls.push([ticks, isLate]) },
    );
    ticker.start();
    clock.runUntil(14);
    clock.stallMs = 1000;
    clock.runUntil(16);
    expect(calls).toEqual([[1, false]]);
    clock.runUntil(1040);
    expect(calls).toEqual([
      [1, false],
      [1, true],
    ]);
    clock.runUntil(1050);
    expect(calls.at(-1)).toEqual([1, false]);
    ticker.stop();
    clock.runUntil(5000);
    expect(calls.length).toBe(3);
  });

  it('makes up for small delays, so that time does not run slow under load', () => {
    const clock = new StallingClock();
    let ticks = 0;
    const ticker = new Ticker(
      { tickMs: 15, lateMsMax: 150 },
      { clock, onTick: (count) => (ticks += count) },
    );
    ticker.start();
    for (let i = 0; i < 10; i++) {
      clock.stallMs = 40;
      clock.runUntil((i + 1) * 150);
    }
    expect(ticks).toBeGreaterThanOrEqual(99);
    ticker.stop();
  });
});
