import { encodeConfig } from '../core/config.ts';
import {
  type Entry,
  EntryType,
  type HardState,
  type Index,
  type LogId,
  type Term,
} from '../core/types.ts';
import type { AppendBatch, BootstrapMembers, LogStore, RestoredState } from '../ports.ts';

/** When an append becomes durable: calls `commit` once, now or later. The store never overlaps two appends. */
export type SyncDelay = (commit: () => void) => void;

/**
 * What a power cut leaves of the append in flight: nothing, term and vote alone, all of it though nobody heard of it, or term
 * and vote and a group of entries that is torn (rule L3).
 */
export type CrashOutcome = 'lost' | 'hard-state' | 'kept' | 'torn';

interface Image {
  hardState: HardState;
  tornLog: boolean;
  compacted: LogId;
  entries: Entry[];
  bootstrap: BootstrapMembers | null;
}

/**
 * `LogStore` in memory with a durable image apart from what is only written: `crash` forgets the rest, as a power cut does.
 * One object outlives the restarts of its member.
 */
export class MemoryLogStore implements LogStore {
  readonly #delay: SyncDelay;
  readonly #incarnation: string;
  readonly #durable: Image = {
    hardState: { term: 0, votedFor: null },
    tornLog: false,
    compacted: { index: 0, term: 0 },
    entries: [],
    bootstrap: null,
  };
  /** Entries of the newest durable group, which a torn write may take. */
  #lastGroup = 0;
  #life = 0;
  #failure: Error | null = null;
  #inFlight: AppendBatch | null = null;

  constructor(delay: SyncDelay = queueMicrotask, incarnation = '0'.repeat(32)) {
    this.#delay = delay;
    this.#incarnation = incarnation;
  }

  /** What `open` resolves to, at once. */
  restore(): RestoredState {
    const { hardState, tornLog, compacted, bootstrap } = this.#durable;
    const { lastIndex } = this;
    return { hardState, compacted, lastIndex, tornLog, bootstrap, incarnation: this.#incarnation };
  }

  open(): Promise<RestoredState> {
    return Promise.resolve(this.restore());
  }

  noteBootstrap(members: BootstrapMembers): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    this.#durable.bootstrap = members;
    return Promise.resolve();
  }

  get lastIndex(): Index {
    return this.#durable.compacted.index + this.#durable.entries.length;
  }

  get hardState(): HardState {
    return this.#durable.hardState;
  }

  append(batch: AppendBatch, done: (error: Error | null) => void): void {
    if (this.#inFlight !== null) throw new Error('two appends at once');
    this.#inFlight = batch;
    const life = this.#life;
    this.#delay(() => {
      if (life !== this.#life) return;
      this.#inFlight = null;
      this.#failure ??= this.#refusal(batch);
      if (this.#failure === null) this.#persist(batch);
      done(this.#failure);
    });
  }

  term(index: Index): Term | undefined {
    const { compacted, entries } = this.#durable;
    if (index === compacted.index) return compacted.term;
    return entries[index - compacted.index - 1]?.term;
  }

  entries(from: Index, to: Index, bytesMax: number): readonly Entry[] {
    if (this.#failure !== null) throw this.#failure;
    const { compacted, entries } = this.#durable;
    const first = from - compacted.index - 1;
    const end = to - compacted.index - 1;
    if (first < 0 || first >= end || end > entries.length) {
      throw new RangeError(`entries [${from}, ${to}) are not all in the log`);
    }
    let cut = first;
    let bytes = 0;
    while (cut < end) {
      bytes += entries[cut]!.data.length;
      if (bytes > bytesMax && cut > first) break;
      cut++;
    }
    return entries.slice(first, cut);
  }

  compact(index: Index): Promise<void> {
    const { compacted, entries } = this.#durable;
    const term = this.term(index);
    if (term === undefined) throw new Error(`compaction at unknown index ${index}`);
    entries.splice(0, index - compacted.index);
    this.#durable.compacted = { index, term };
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#life++;
    this.#inFlight = null;
    return Promise.resolve();
  }

  /** Power is lost, and nobody hears what became of the append in flight; a failed store works again. */
  crash(outcome: CrashOutcome = 'lost'): void {
    const batch = this.#inFlight;
    this.#life++;
    this.#inFlight = null;
    this.#failure = null;
    if (batch === null || outcome === 'lost' || this.#refusal(batch) !== null) return;
    if (outcome === 'kept') {
      this.#persist(batch);
      return;
    }
    const { hardState, reset, truncateFrom } = batch;
    const isTorn = outcome === 'torn' && batch.entries.length > 0;
    // The steps of an append are durable in order, so what is torn comes last.
    this.#persist({
      hardState,
      reset: isTorn ? reset : null,
      truncateFrom: isTorn ? truncateFrom : null,
      entries: [],
      clearTorn: false,
    });
    if (isTorn) this.#durable.tornLog = true;
  }

  /** Number of durable entries that `tear` would take. */
  get tearableEntries(): number {
    return Math.min(this.#lastGroup, this.#durable.entries.length);
  }

  /** The newest group turns out torn: it is cut, and the member knows (rule L3). */
  tear(): void {
    const count = this.tearableEntries;
    this.#durable.entries.length -= count;
    this.#durable.tornLog = true;
    this.#lastGroup = 0;
  }

  /** From now on every append and every read fails. */
  fail(error: Error): void {
    this.#failure = error;
  }

  /** Puts a log in place before the member starts: terms from index 1 on; a configuration where one is given. */
  preset(
    terms: readonly Term[],
    hardState: HardState,
    configs: ReadonlyMap<Index, Parameters<typeof encodeConfig>[0]> = new Map(),
  ): this {
    this.#durable.entries = terms.map((term, i) => {
      const config = configs.get(i + 1);
      const type = config === undefined ? EntryType.normal : EntryType.config;
      const data = config === undefined ? Uint8Array.of(term, i + 1) : encodeConfig(config);
      return { index: i + 1, term, type, data };
    });
    this.#durable.hardState = hardState;
    return this;
  }

  /** Why the batch cannot follow what is stored; checked before anything of it is. */
  #refusal({ reset, truncateFrom, entries }: AppendBatch): Error | null {
    const compacted = reset ?? this.#durable.compacted;
    const lastIndex = reset?.index ?? this.lastIndex;
    if (compacted.index < this.#durable.compacted.index) {
      return new RangeError(`reset behind ${compacted.index}, which was compacted`);
    }
    if (
      truncateFrom !== null &&
      (truncateFrom <= compacted.index || truncateFrom > lastIndex + 1)
    ) {
      return new RangeError(`truncation from ${truncateFrom} is outside of the log`);
    }
    const next = truncateFrom ?? lastIndex + 1;
    const stray = entries.find(({ index }, i) => index !== next + i);
    return stray === undefined ? null : new RangeError(`gap before entry ${stray.index}`);
  }

  #persist(batch: AppendBatch): void {
    const image = this.#durable;
    if (batch.reset !== null) {
      image.compacted = batch.reset;
      image.entries = [];
      this.#lastGroup = 0;
    }
    if (batch.truncateFrom !== null) {
      image.entries.length = batch.truncateFrom - image.compacted.index - 1;
    }
    for (const entry of batch.entries) image.entries.push(entry);
    if (batch.entries.length > 0) this.#lastGroup = batch.entries.length;
    if (batch.hardState !== null) image.hardState = batch.hardState;
    if (batch.clearTorn) image.tornLog = false;
  }
}
