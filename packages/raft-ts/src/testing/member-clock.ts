import type { Clock } from '../ports.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';

/** How a timer of a member is kept from firing in time. */
export interface LateTimers {
  /** Share of timers that are late. */
  readonly rate: number;
  readonly delayMsMax: number;
}

export const punctual: LateTimers = Object.freeze({ rate: 0, delayMsMax: 0 });

/**
 * The clock of one member over the true one: it runs too fast or too slow, jumps ahead, and its timers may be late.
 * It never goes back: `Clock` promises monotonic time, as CLOCK_MONOTONIC does.
 */
export class MemberClock implements Clock {
  lateTimers = punctual;
  readonly #clock: SimClock;
  readonly #random: Random;
  #rate = 1;
  #trueBaseMs = 0;
  #ownBaseMs = 0;

  constructor(clock: SimClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  nowMs(): number {
    return this.#ownBaseMs + (this.#clock.nowMs() - this.#trueBaseMs) * this.#rate;
  }

  /** Own milliseconds in one true millisecond from now on. */
  drift(rate: number): void {
    this.#ownBaseMs = this.nowMs();
    this.#trueBaseMs = this.#clock.nowMs();
    this.#rate = rate;
  }

  /** Jumps ahead, as after the machine was suspended. */
  step(byMs: number): void {
    this.#ownBaseMs += byMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const { rate, delayMsMax } = this.lateTimers;
    const lateMs = rate > 0 && this.#random.chance(rate) ? this.#random.between(0, delayMsMax) : 0;
    return this.#clock.setTimer(delayMs / this.#rate + lateMs, callback);
  }

  defer(callback: () => void): void {
    this.#clock.defer(callback);
  }
}
