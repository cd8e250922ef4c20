import type { Buffer } from 'node:buffer';
import { EntryIndex } from './entry-index.ts';
import { StorageCorruptionError } from './errors.ts';
import {
  decodeRecord,
  type EntryRecord,
  type FooterRecord,
  findFooter,
  footerBytes,
} from './record.ts';
import { footerSeedOf, type SegmentHeader, segmentHeaderBytes } from './segment-header.ts';

/** What reading a segment from its beginning found. */
export interface SegmentContent {
  readonly entries: EntryIndex;
  /** Where the next group goes. */
  readonly end: number;
  /** CRC of the last record before `end`. */
  readonly crc: number;
  /** Where the last group before `end` begins; `end` when there is none. */
  readonly lastGroupOffset: number;
  /** Nothing but zeros follow `end`, and the last group has its footer: appending can go on here. */
  readonly isClean: boolean;
  /** A last group was written in part, or something else was, and is cut (rule L3). */
  readonly isTorn: boolean;
}

/**
 * Reads one segment and judges its end by rule L3.
 *
 * @param image The whole file.
 * @param next The segment that goes on where this one was left, or null for the last one.
 * @throws {StorageCorruptionError} If a record is damaged and a whole footer follows, or a segment that is not the last
 * one does not lead to the next.
 */
export function scanSegment(
  path: string,
  image: Buffer,
  header: SegmentHeader,
  next: SegmentHeader | null,
): SegmentContent {
  return new SegmentScan(path, image, header, next).run();
}

class SegmentScan {
  readonly #path: string;
  readonly #image: Buffer;
  readonly #header: SegmentHeader;
  readonly #next: SegmentHeader | null;
  readonly #entries: EntryIndex;
  #position = segmentHeaderBytes;
  #lastGroupOffset: number | null = null;
  #crc: number;
  #previousTerm: number;
  /** Where the open group begins, and the chain's value there; null between groups. */
  #group: { readonly offset: number; readonly crc: number; readonly firstIndex: number } | null =
    null;
  /** Entries that the open group still lacks. */
  #remaining = 0;

  constructor(path: string, image: Buffer, header: SegmentHeader, next: SegmentHeader | null) {
    this.#path = path;
    this.#image = image;
    this.#header = header;
    this.#next = next;
    this.#entries = new EntryIndex(header.firstIndex);
    this.#crc = header.seed;
    this.#previousTerm = header.previousTerm;
  }

  run(): SegmentContent {
    while (!this.#isAtNext()) {
      const record = decodeRecord(this.#image, this.#position, this.#crc);
      if (record === null) return this.#next === null ? this.#judgeEnd() : this.#fail('damaged');
      if (record.kind === 'entry') this.#takeEntry(record);
      else this.#takeFooter(record);
      this.#position = record.end;
      this.#crc = record.crc;
    }
    return this.#content(true, false);
  }

  #isAtNext(): boolean {
    const next = this.#next;
    return (
      next !== null &&
      next.firstIndex === this.#entries.lastIndex + 1 &&
      next.seed === this.#crc &&
      next.previousTerm === this.#previousTerm
    );
  }

  #takeEntry(record: EntryRecord): void {
    const index = this.#entries.lastIndex + 1;
    const isNext =
      record.index === index &&
      record.term >= this.#previousTerm &&
      (this.#group === null || record.remaining === this.#remaining - 1) &&
      (this.#next === null || index < this.#next.firstIndex);
    if (!isNext) this.#fail(`out of order (index ${record.index}, expected ${index})`);
    this.#group ??= { offset: this.#position, crc: this.#crc, firstIndex: index };
    this.#remaining = record.remaining;
    this.#entries.push(this.#position, this.#crc, record.term);
    this.#previousTerm = record.term;
  }

  #takeFooter(record: FooterRecord): void {
    const group = this.#group;
    const isOfGroup =
      group !== null &&
      this.#remaining === 0 &&
      record.index === this.#entries.lastIndex &&
      record.term === this.#previousTerm &&
      record.bodyOffset === group.offset &&
      record.count === record.index - group.firstIndex + 1;
    if (!isOfGroup) this.#fail('a footer that does not fit its group');
    this.#lastGroupOffset = group.offset;
    this.#group = null;
  }

  /** There is no whole record at this position of the last segment: the end, a torn write, or damage. */
  #judgeEnd(): SegmentContent {
    const position = this.#position;
    const group = this.#group;
    const isBodyWhole = group !== null && this.#remaining === 0;
    // With a whole body the footer at this very place may be damaged; any later one proves a later group.
    const searchFrom = isBodyWhole ? position + 1 : position;
    const footer = findFooter(this.#image, searchFrom, footerSeedOf(this.#header));
    if (footer !== null) this.#fail(`damaged, though a whole footer follows at ${footer}`);
    const isTorn = !isZero(this.#image, isBodyWhole ? position + footerBytes : position);
    if (group === null) return this.#content(!isTorn, isTorn);
    if (isBodyWhole) {
      // Groups behind a footer that was damaged later may be gone with it, and nothing here would tell.
      this.#lastGroupOffset = group.offset;
      return this.#content(false, true);
    }
    this.#entries.truncate(group.firstIndex);
    this.#position = group.offset;
    this.#crc = group.crc;
    return this.#content(false, true);
  }

  #content(isClean: boolean, isTorn: boolean): SegmentContent {
    return {
      entries: this.#entries,
      end: this.#position,
      crc: this.#crc,
      lastGroupOffset: this.#lastGroupOffset ?? this.#position,
      isClean,
      isTorn,
    };
  }

  #fail(what: string): never {
    throw new StorageCorruptionError(this.#path, this.#position, `a log record is ${what}`);
  }
}

const zeros = new Uint8Array(64 * 1024);

function isZero(image: Buffer, from: number): boolean {
  for (let position = from; position < image.length; position += zeros.length) {
    const end = Math.min(position + zeros.length, image.length);
    if (image.compare(zeros, 0, end - position, position, end) !== 0) return false;
  }
  return true;
}
