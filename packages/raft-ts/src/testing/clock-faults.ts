import { punctual } from './member-clock.ts';
import type { FaultDependencies } from './sim-faults.ts';

/** Own milliseconds in a true one, of the slowest and the fastest clock. */
export const clockRateMin = 0.5;
export const clockRateMax = 2;

/** Clocks that run wrong and timers that come late; each method returns whether it struck. */
export class ClockFaults {
  readonly #parts: FaultDependencies;

  constructor(parts: FaultDependencies) {
    this.#parts = parts;
  }

  drift(): boolean {
    const { members, random, trace } = this.#parts;
    const member = random.pick(members);
    const rate = random.pick([clockRateMin, 0.8, 0.95, 1.05, 1.25, clockRateMax]);
    trace(() => `the clock of ${member.id} runs at ${rate}`);
    member.clock.drift(rate);
    return true;
  }

  step(): boolean {
    const { members, random, trace } = this.#parts;
    const member = random.pick(members);
    const byMs = random.between(1, random.pick([100, 1_000, 20_000]));
    trace(() => `the clock of ${member.id} jumps by ${byMs.toFixed(1)} ms`);
    member.clock.step(byMs);
    return true;
  }

  /** As on a machine without processor time to spare. */
  delayTimers(): boolean {
    const { members, random, trace } = this.#parts;
    const member = random.pick(members);
    const lateTimers = { rate: random.pick([0.05, 0.5]), delayMsMax: random.pick([30, 400]) };
    trace(() => `timers of ${member.id} are late by up to ${lateTimers.delayMsMax} ms`);
    member.clock.lateTimers = lateTimers;
    return true;
  }

  end(): void {
    for (const { clock } of this.#parts.members) {
      clock.drift(1);
      clock.lateTimers = punctual;
    }
  }
}
