import type { Clock } from '../ports.ts';

export interface TickerOptions {
  readonly tickMs: number;
  /** A timer later than this proves that the loop stood still, and silence of others proves nothing (rule L5). */
  readonly lateMsMax: number;
}

export interface TickerDependencies {
  readonly clock: Clock;
  /** `ticks` have passed; `delayMs` is how late the timer was. */
  readonly onTick: (ticks: number, isLate: boolean, delayMs: number) => void;
}

/** Turns time into ticks of the core. After a stall the time lost is not made up for: nobody could be heard in it. */
export class Ticker {
  readonly #options: TickerOptions;
  readonly #dependencies: TickerDependencies;
  #lastMs = 0;
  #dueMs = 0;
  #cancel: (() => void) | null = null;

  constructor(options: TickerOptions, dependencies: TickerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  start(): void {
    this.#lastMs = this.#dependencies.clock.nowMs();
    this.#arm(this.#options.tickMs);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #arm(delayMs: number): void {
    const { clock } = this.#dependencies;
    this.#dueMs = clock.nowMs() + delayMs;
    this.#cancel = clock.setTimer(delayMs, () => this.#fire());
  }

  #fire(): void {
    const { tickMs, lateMsMax } = this.#options;
    const nowMs = this.#dependencies.clock.nowMs();
    const delayMs = Math.max(0, nowMs - this.#dueMs);
    const isLate = delayMs > lateMsMax;
    const elapsedMs = isLate ? tickMs : nowMs - this.#lastMs;
    const ticks = Math.max(1, Math.floor(elapsedMs / tickMs));
    this.#lastMs = isLate ? nowMs : this.#lastMs + ticks * tickMs;
    this.#arm(Math.max(0, this.#lastMs + tickMs - nowMs));
    this.#dependencies.onTick(ticks, isLate, delayMs);
  }
}
