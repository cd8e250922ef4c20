import { type Entry, EntryType } from '../core/types.ts';
import type { Clock, StateMachine } from '../ports.ts';

const sliceEntriesMin = 1;
const sliceEntriesMax = 8192;

export interface ApplyDependencies<R> {
  readonly stateMachine: Pick<StateMachine<R>, 'apply'>;
  readonly clock: Clock;
  /** Results stand at the places of their entries; `noop` entries have none. */
  readonly onApplied: (
    entries: readonly Entry[],
    results: readonly (R | undefined)[],
    tookMs: number,
  ) => void;
}

/** Applies committed entries in slices, whose length follows the time that the state machine takes. */
export class ApplyLoop<R> {
  readonly #sliceMs: number;
  readonly #dependencies: ApplyDependencies<R>;
  #entries: readonly Entry[] = [];
  #next = 0;
  #sliceEntries = 64;

  constructor(sliceMs: number, dependencies: ApplyDependencies<R>) {
    this.#sliceMs = sliceMs;
    this.#dependencies = dependencies;
  }

  get hasWork(): boolean {
    return this.#next < this.#entries.length;
  }

  /** Takes the next entries; only when the ones before are done. */
  push(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.#next = 0;
  }

  /** Forgets what is left: a snapshot holds it. */
  clear(): void {
    this.#entries = [];
    this.#next = 0;
  }

  /** Applies for about `sliceMs`. True when it finished what was pushed. */
  runSlice(): boolean {
    if (!this.hasWork) return false;
    const { clock } = this.#dependencies;
    const startMs = clock.nowMs();
    do {
      this.#applyOne(startMs);
    } while (this.hasWork && clock.nowMs() - startMs < this.#sliceMs / 2);
    return !this.hasWork;
  }

  #applyOne(sliceStartMs: number): void {
    const { clock, onApplied } = this.#dependencies;
    const end = Math.min(this.#entries.length, this.#next + this.#sliceEntries);
    const slice =
      this.#next === 0 && end === this.#entries.length
        ? this.#entries
        : this.#entries.slice(this.#next, end);
    const startMs = clock.nowMs();
    const results = this.#apply(slice);
    const endMs = clock.nowMs();
    this.#next = end;
    this.#adapt(endMs - startMs);
    onApplied(slice, results, endMs - sliceStartMs);
  }

  /** A `noop` is Raft's own business: the state machine never sees it. */
  #apply(slice: readonly Entry[]): readonly (R | undefined)[] {
    const { stateMachine } = this.#dependencies;
    const wanted = slice.filter((entry) => entry.type !== EntryType.noop);
    const results = wanted.length === 0 ? [] : stateMachine.apply(wanted);
    if (results.length !== wanted.length) {
      throw new Error(`the state machine answered ${results.length} of ${wanted.length} entries`);
    }
    if (wanted.length === slice.length) return results;
    let next = 0;
    return slice.map((entry) => (entry.type === EntryType.noop ? undefined : results[next++]));
  }

  #adapt(tookMs: number): void {
    if (tookMs > this.#sliceMs / 2) {
      this.#sliceEntries = Math.max(sliceEntriesMin, this.#sliceEntries >> 1);
    } else if (tookMs < this.#sliceMs / 8) {
      this.#sliceEntries = Math.min(sliceEntriesMax, this.#sliceEntries * 2);
    }
  }
}
