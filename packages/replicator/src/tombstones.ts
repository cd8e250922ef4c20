import type { FlowKeyProbe } from './flow-key-probe.ts';
import { KeyMemory } from './key-memory.ts';
import type { Clock } from './ports.ts';

/** How long an ended flow's own NEW may still come behind its DESTROY, on a kernel with several CPUs. */
const lifeMs = 2_000;
const keysMax = 1 << 17;
const ended = 1;

/**
 * Rule K3: the flows that ended less than two seconds ago, and for some time longer. What is then said of their keys may
 * be older than their end, so it is settled by a look-up. Under a burst the oldest are forgotten.
 */
export class Tombstones {
  readonly #clock: Clock;
  readonly #keys = new KeyMemory(keysMax);
  #rotatedMs: number;
  #isEmpty = true;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#rotatedMs = clock.nowMs();
  }

  add(probe: FlowKeyProbe): void {
    this.#age();
    this.#keys.remember(probe, ended);
    this.#isEmpty = false;
  }

  has(probe: FlowKeyProbe): boolean {
    if (this.#isEmpty) return false;
    this.#age();
    return this.#keys.recall(probe) === ended;
  }

  clear(): void {
    if (!this.#isEmpty) this.#keys.clear();
    this.#isEmpty = true;
  }

  /** A key stays for one whole generation at least, and for two at most. */
  #age(): void {
    const sinceMs = this.#clock.nowMs() - this.#rotatedMs;
    if (sinceMs < lifeMs) return;
    this.#rotatedMs = this.#clock.nowMs();
    if (sinceMs < 2 * lifeMs) this.#keys.rotate();
    else this.clear();
  }
}
