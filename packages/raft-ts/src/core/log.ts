import type { LogReader } from '../ports.ts';
import { assert } from './assert.ts';
import type { Entry, Index, LogId, Term } from './types.ts';

/** What an entry costs beside its data, in the byte limits. */
export const entryOverheadBytes = 32;

/** Part of one append to the store. */
export interface LogAppend {
  readonly reset: LogId | null;
  readonly truncateFrom: Index | null;
  readonly entries: readonly Entry[];
}

/**
 * The log as Raft sees it: the durable store plus a tail in memory. The tail holds all entries that are not yet
 * durable, and of the durable ones the newest, so that replication and apply seldom read the store.
 *
 *     compacted ... tail ... stable ... handed ... last
 *
 * `stable`: durable in this very form. `handed`: given to the store. Both fall when the log is truncated, so a late
 * completion of an append that was overwritten meanwhile can never mark the new entries durable.
 */
export class RaftLog {
  readonly #store: LogReader;
  readonly #tailBytesMax: number;
  #tail: Entry[] = [];
  /** Entries of `#tail` before this one are gone. */
  #head = 0;
  #tailFirst: Index;
  #tailBytes = 0;
  #last: Index;
  #lastTerm: Term;
  #stable: Index;
  #handed: Index;
  /** Last index of the append in flight, as far as it was not overwritten; null when none is. */
  #inFlightLast: Index | null = null;
  #truncateFrom: Index | null = null;
  #reset: LogId | null = null;
  #compacted: LogId;

  constructor(store: LogReader, compacted: LogId, lastIndex: Index, tailBytesMax: number) {
    this.#store = store;
    this.#tailBytesMax = tailBytesMax;
    this.#compacted = compacted;
    this.#last = lastIndex;
    this.#stable = lastIndex;
    this.#handed = lastIndex;
    this.#tailFirst = lastIndex + 1;
    const lastTerm = lastIndex === compacted.index ? compacted.term : store.term(lastIndex);
    assert(lastTerm !== undefined, 'the store does not know its last entry');
    this.#lastTerm = lastTerm;
  }

  get lastIndex(): Index {
    return this.#last;
  }

  get lastTerm(): Term {
    return this.#lastTerm;
  }

  get stableIndex(): Index {
    return this.#stable;
  }

  get compacted(): LogId {
    return this.#compacted;
  }

  get hasUnhanded(): boolean {
    return this.#handed < this.#last || this.#truncateFrom !== null || this.#reset !== null;
  }

  /** False from a reset until the store has made it durable. */
  get isResetDurable(): boolean {
    return this.#stable >= this.#compacted.index;
  }

  term(index: Index): Term | undefined {
    if (index === this.#last) return this.#lastTerm;
    if (index > this.#last || index < this.#compacted.index) return undefined;
    if (index === this.#compacted.index) return this.#compacted.term;
    if (index >= this.#tailFirst) return this.#at(index).term;
    return this.#store.term(index);
  }

  matches(index: Index, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Raft paper 5.4.1: the log with the later last term, or the longer one of the same last term, is more up to date. */
  isUpToDate(lastIndex: Index, lastTerm: Term): boolean {
    if (lastTerm !== this.#lastTerm) return lastTerm > this.#lastTerm;
    return lastIndex >= this.#last;
  }

  /** `from` up to but not including `to`, at least one entry, at most about `bytesMax`; may end early. */
  entries(from: Index, to: Index, bytesMax: number): readonly Entry[] {
    assert(from > this.#compacted.index, 'entries before the compacted one were asked for');
    assert(from < to && to <= this.#last + 1, 'entries outside of the log were asked for');
    if (from < this.#tailFirst) {
      const read = this.#store.entries(from, Math.min(to, this.#tailFirst), bytesMax);
      assert(read.length > 0 && read[0]!.index === from, 'the store returned other entries');
      return read;
    }
    const start = from - this.#tailFirst + this.#head;
    const end = start + (to - from);
    let cut = start;
    let bytes = 0;
    while (cut < end) {
      bytes += this.#tail[cut]!.data.length + entryOverheadBytes;
      if (bytes > bytesMax && cut > start) break;
      cut++;
    }
    return this.#tail.slice(start, cut);
  }

  /** Appends behind the last entry. */
  append(entry: Entry): void {
    assert(entry.index === this.#last + 1, 'appended entry is not the next one');
    assert(entry.term >= this.#lastTerm, 'terms in the log must not fall');
    this.#tail.push(entry);
    this.#tailBytes += entry.data.length + entryOverheadBytes;
    this.#last = entry.index;
    this.#lastTerm = entry.term;
  }

  /** Drops `from` and everything after it. */
  truncate(from: Index): void {
    assert(from > this.#compacted.index && from <= this.#last, 'truncation outside of the log');
    const previous = this.term(from - 1);
    assert(previous !== undefined, 'truncation behind an unknown entry');
    if (from <= this.#handed) {
      this.#truncateFrom = Math.min(this.#truncateFrom ?? from, from);
    }
    this.#cutTail(from);
    this.#last = from - 1;
    this.#lastTerm = previous;
    this.#stable = Math.min(this.#stable, this.#last);
    this.#handed = Math.min(this.#handed, this.#last);
    if (this.#inFlightLast !== null) {
      this.#inFlightLast = Math.min(this.#inFlightLast, this.#last);
    }
  }

  /** Drops everything: a snapshot holds all up to `position`, and the log begins anew behind it. Nothing is durable until then. */
  reset(position: LogId): void {
    this.#compacted = position;
    this.#last = position.index;
    this.#lastTerm = position.term;
    this.#handed = position.index;
    this.#stable = 0;
    this.#cutTail(0);
    this.#tailFirst = position.index + 1;
    this.#truncateFrom = null;
    this.#reset = position;
    if (this.#inFlightLast !== null) this.#inFlightLast = 0;
  }

  /** Hands everything new to the store; one append at a time. */
  takeAppend(): LogAppend {
    assert(this.#inFlightLast === null, 'an append is in flight already');
    const start = this.#handed + 1 - this.#tailFirst + this.#head;
    const entries = this.#handed < this.#last ? this.#tail.slice(start) : [];
    const truncateFrom = this.#truncateFrom;
    const reset = this.#reset;
    this.#truncateFrom = null;
    this.#reset = null;
    this.#handed = this.#last;
    this.#inFlightLast = this.#last;
    return { reset, truncateFrom, entries };
  }

  /** The append in flight is durable. */
  appendDone(): void {
    assert(this.#inFlightLast !== null, 'no append is in flight');
    this.#stable = Math.max(this.#stable, this.#inFlightLast);
    this.#inFlightLast = null;
    assert(this.#stable <= this.#handed, 'more is durable than was handed over');
  }

  /**
   * The largest index up to `index` whose term is not above `term`: beyond it the logs surely differ
   * (the conflict-term hint, computed on both sides).
   */
  findConflictByTerm(index: Index, term: Term): LogId {
    let at = Math.min(index, this.#last);
    while (at > this.#compacted.index) {
      const found = this.term(at);
      assert(found !== undefined, 'entry inside of the log has no term');
      if (found <= term) return { index: at, term: found };
      at--;
    }
    return this.#compacted;
  }

  /** Entries up to `applied` may leave memory once they are durable and the tail is over its limit. */
  trim(applied: Index): void {
    const releasable = Math.min(applied, this.#stable);
    while (this.#tailBytes > this.#tailBytesMax && this.#tailFirst <= releasable) {
      this.#tailBytes -= this.#tail[this.#head]!.data.length + entryOverheadBytes;
      this.#head++;
      this.#tailFirst++;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#tail.length) {
      this.#tail = this.#tail.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The store is about to forget everything up to and including `index`. */
  compact(index: Index): void {
    assert(index <= this.#stable, 'compaction of entries that are not durable');
    const term = this.term(index);
    assert(term !== undefined, 'compaction at an unknown index');
    if (index > this.#compacted.index) this.#compacted = { index, term };
  }

  #at(index: Index): Entry {
    return this.#tail[index - this.#tailFirst + this.#head]!;
  }

  #cutTail(from: Index): void {
    if (from <= this.#tailFirst) {
      this.#tail = [];
      this.#head = 0;
      this.#tailBytes = 0;
      this.#tailFirst = from;
      return;
    }
    while (this.#tailFirst + this.#tail.length - this.#head > from) {
      this.#tailBytes -= this.#tail.pop()!.data.length + entryOverheadBytes;
    }
  }
}
