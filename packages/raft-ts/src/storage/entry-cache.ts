import type { Entry, Index } from '../core/types.ts';

/** Share of the slots that may be empty at the front before the array is shortened. */
const holeShareMax = 0.5;

/** The newest entries of the log, contiguous, bounded by bytes of data. */
export class EntryCache {
  readonly #bytesMax: number;
  #entries: (Entry | undefined)[] = [];
  #hole = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Index of the oldest entry held; Infinity when there is none. */
  get firstIndex(): Index {
    return this.#entries[this.#hole]?.index ?? Number.POSITIVE_INFINITY;
  }

  get(index: Index): Entry | undefined {
    return this.#entries[this.#hole + index - this.firstIndex];
  }

  /** Adds entries that follow the newest one; the oldest go when there are too many bytes. */
  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += entryBytes(entry);
    }
    while (this.#bytes > this.#bytesMax) this.#dropFirst();
    if (this.#hole > this.#entries.length * holeShareMax) {
      this.#entries = this.#entries.slice(this.#hole);
      this.#hole = 0;
    }
  }

  /** Forgets `from` and everything after it. */
  truncate(from: Index): void {
    while (this.#entries.length > this.#hole && this.#entries.at(-1)!.index >= from) {
      this.#bytes -= entryBytes(this.#entries.pop()!);
    }
  }

  #dropFirst(): void {
    this.#bytes -= entryBytes(this.#entries[this.#hole]!);
    this.#entries[this.#hole] = undefined;
    this.#hole += 1;
  }
}

/** About what an entry without data costs. */
const objectBytes = 64;

function entryBytes(entry: Entry): number {
  return entry.data.length + objectBytes;
}
