import { Buffer } from 'node:buffer';
import type { Entry, Index, LogId, Term } from '../core/types.ts';
import { StorageCorruptionError } from './errors.ts';
import type { FileSystem } from './file-system.ts';
import { decodeRecord, entryOf } from './record.ts';
import type { Segment } from './segment.ts';

/** The open segments in log order: finds and reads entries. */
export class SegmentList {
  readonly #fileSystem: FileSystem;
  #segments: Segment[];

  /** @param segments At least one; contiguous. */
  constructor(fileSystem: FileSystem, segments: readonly Segment[]) {
    this.#fileSystem = fileSystem;
    this.#segments = [...segments];
  }

  get all(): readonly Segment[] {
    return this.#segments;
  }

  get last(): Segment {
    return this.#segments.at(-1)!;
  }

  get firstIndex(): Index {
    return this.#segments[0]!.header.firstIndex;
  }

  get lastIndex(): Index {
    return this.last.entries.lastIndex;
  }

  push(segment: Segment): void {
    this.#segments.push(segment);
  }

  /** Drops `from` and everything after it; returns the segments that held nothing else. */
  truncate(from: Index): readonly Segment[] {
    const dropped = this.#segments.filter((segment) => segment.header.firstIndex >= from);
    this.#segments = this.#segments.filter((segment) => segment.header.firstIndex < from);
    const cut = this.#segments.at(-1);
    if (cut !== undefined && cut.entries.lastIndex >= from) {
      cut.end = cut.entries.offset(from);
      cut.crc = cut.entries.seed(from);
      cut.entries.truncate(from);
    }
    return dropped;
  }

  /** Drops everything, and begins anew with this segment; returns what was dropped. */
  replace(first: Segment): readonly Segment[] {
    const dropped = this.#segments;
    this.#segments = [first];
    return dropped;
  }

  /** The entry before the first one that would remain after `dropBefore` of the same index. */
  compactionPoint(index: Index): LogId | null {
    const first = this.#segments.findLast(({ header }) => header.firstIndex <= index + 1);
    if (first === undefined || first === this.#segments[0]) return null;
    return { index: first.header.firstIndex - 1, term: first.header.previousTerm };
  }

  /** Drops the segments that begin at or before `index`, and returns them. */
  dropBefore(index: Index): readonly Segment[] {
    const dropped = this.#segments.filter(({ header }) => header.firstIndex <= index);
    this.#segments = this.#segments.filter(({ header }) => header.firstIndex > index);
    return dropped;
  }

  /** Term of an entry; undefined when it is not here. */
  term(index: Index): Term | undefined {
    if (index < this.firstIndex || index > this.lastIndex) return undefined;
    return this.holder(index).entries.term(index);
  }

  /** The segment with this entry, which must be here. */
  holder(index: Index): Segment {
    let low = 0;
    let high = this.#segments.length - 1;
    if (this.#segments[high]!.header.firstIndex <= index) return this.#segments[high]!;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#segments[middle]!.header.firstIndex <= index) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low]!;
  }

  /**
   * Reads entries of one segment from the disk: from `from` up to but not including `to` or the segment's end, at least
   * one, at most about `bytesMax` of file.
   *
   * @throws {StorageCorruptionError} If the file no longer holds what was written.
   */
  read(from: Index, to: Index, bytesMax: number): Entry[] {
    const segment = this.holder(from);
    const { entries } = segment;
    const base = entries.offset(from);
    const stop = Math.min(to, entries.lastIndex + 1);
    let after = from + 1;
    while (after < stop && recordEnd(segment, after) - base <= bytesMax) after += 1;
    const image = Buffer.allocUnsafe(recordEnd(segment, after - 1) - base);
    const bytes = this.#fileSystem.read(segment.file, image, base);
    return decodeRange(segment, image.subarray(0, bytes), from, after);
  }
}

/** Where the record of `index` ends, or a footer after it. */
function recordEnd(segment: Segment, index: Index): number {
  return index < segment.entries.lastIndex ? segment.entries.offset(index + 1) : segment.end;
}

function decodeRange(segment: Segment, image: Buffer, from: Index, to: Index): Entry[] {
  const { entries } = segment;
  const base = entries.offset(from);
  const found: Entry[] = [];
  for (let index = from; index < to; index++) {
    const offset = entries.offset(index);
    const record = decodeRecord(image, offset - base, entries.seed(index));
    if (record === null || record.kind !== 'entry' || record.index !== index) {
      throw new StorageCorruptionError(segment.path, offset, `entry ${index} is damaged`);
    }
    found.push(entryOf(image, record));
  }
  return found;
}
