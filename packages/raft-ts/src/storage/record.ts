import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { Entry, EntryType, Index, Term } from '../core/types.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/** Bytes before the data of a record; records begin at multiples of 8. */
const recordHeaderBytes = 32;
export const footerBytes = 64;

const kindEntry = 1;
const kindFooter = 2;
const footerMagic = Buffer.from('RAFTGRPF');
const footerDataBytes = footerBytes - recordHeaderBytes;
const at = { crc: 0, dataBytes: 4, index: 8, term: 16, kind: 24, type: 25, zero: 26, count: 28 };
const footerAt = { magic: 32, offset: 40, bodyOffset: 48, zero: 56, ownCrc: 60 };

/** An entry's record, located but not copied. */
export interface EntryRecord {
  readonly kind: 'entry';
  readonly index: Index;
  readonly term: Term;
  readonly type: number;
  /** Entries of the same group that follow this one. */
  readonly remaining: number;
  readonly dataOffset: number;
  readonly dataBytes: number;
  /** Where the next record begins. */
  readonly end: number;
  readonly crc: number;
}

/** The record that ends a group. */
export interface FooterRecord {
  readonly kind: 'footer';
  readonly index: Index;
  readonly term: Term;
  readonly count: number;
  readonly bodyOffset: number;
  readonly end: number;
  readonly crc: number;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Bytes that `encodeGroup` needs for these entries. */
export function groupBytes(entries: readonly Entry[]): number {
  let bytes = footerBytes;
  for (const entry of entries) bytes += recordHeaderBytes + padded(entry.data.length);
  return bytes;
}

/** Where a group lies: the bytes before it and the file around it. */
export interface GroupPlace {
  /** Offset in the file. */
  readonly offset: number;
  /** CRC of the record before. */
  readonly crc: number;
  /** Seed of the footers' own CRC, different in each file (see `SegmentHeader.footerSeed`). */
  readonly footerSeed: number;
}

/** What encoding a group produced. */
export interface EncodedGroup {
  /** For each entry, where its record begins in the file. */
  readonly offsets: Uint32Array;
  /** For each entry, the CRC of the record before it. */
  readonly seeds: Uint32Array;
  /** CRC of the footer, seed of what follows. */
  readonly crc: number;
}

/**
 * Encodes one group: the entries' records, then the footer.
 * @param target At least `groupBytes(entries)` long; written from its beginning.
 */
export function encodeGroup(
  target: Buffer,
  entries: readonly Entry[],
  place: GroupPlace,
): EncodedGroup {
  const offsets = new Uint32Array(entries.length);
  const seeds = new Uint32Array(entries.length);
  let position = 0;
  let crc = place.crc;
  for (let i = 0; i < entries.length; i++) {
    offsets[i] = place.offset + position;
    seeds[i] = crc;
    const end = writeEntry(target, position, entries[i]!, entries.length - 1 - i);
    crc = crc32(target.subarray(position + at.dataBytes, end), crc);
    target.writeUInt32LE(crc, position);
    position = end;
  }
  const last = entries.at(-1)!;
  return { offsets, seeds, crc: writeFooter(target, position, last, entries.length, crc, place) };
}

function writeEntry(target: Buffer, position: number, entry: Entry, remaining: number): number {
  const { data } = entry;
  target.writeUInt32LE(data.length, position + at.dataBytes);
  writeUint64(target, entry.index, position + at.index);
  writeUint64(target, entry.term, position + at.term);
  target.writeUInt32LE(kindEntry | (entry.type << 8), position + at.kind);
  target.writeUInt32LE(remaining, position + at.count);
  const dataOffset = position + recordHeaderBytes;
  target.set(data, dataOffset);
  const end = dataOffset + padded(data.length);
  target.fill(0, dataOffset + data.length, end);
  return end;
}

function writeFooter(
  target: Buffer,
  position: number,
  last: Entry,
  count: number,
  seed: number,
  place: GroupPlace,
): number {
  target.writeUInt32LE(footerDataBytes, position + at.dataBytes);
  writeUint64(target, last.index, position + at.index);
  writeUint64(target, last.term, position + at.term);
  target.writeUInt32LE(kindFooter, position + at.kind);
  target.writeUInt32LE(count, position + at.count);
  footerMagic.copy(target, position + footerAt.magic);
  writeUint64(target, place.offset + position, position + footerAt.offset);
  writeUint64(target, place.offset, position + footerAt.bodyOffset);
  target.writeUInt32LE(0, position + footerAt.zero);
  target.writeUInt32LE(ownCrc(target, position, place.footerSeed), position + footerAt.ownCrc);
  const crc = crc32(target.subarray(position + at.dataBytes, position + footerBytes), seed);
  target.writeUInt32LE(crc, position);
  return crc;
}

function ownCrc(image: Buffer, position: number, footerSeed: number): number {
  return crc32(image.subarray(position + at.dataBytes, position + footerAt.ownCrc), footerSeed);
}

/**
 * Reads the record at `position` whose predecessor's CRC is `seed`; null when there is no whole record.
 * @param image Bytes of the file from its beginning, or any part of it with `position` relative to that part.
 */
export function decodeRecord(
  image: Buffer,
  position: number,
  seed: number,
): EntryRecord | FooterRecord | null {
  if (position + recordHeaderBytes > image.length) return null;
  const dataBytes = image.readUInt32LE(position + at.dataBytes);
  const dataOffset = position + recordHeaderBytes;
  const end = dataOffset + padded(dataBytes);
  const kind = image[position + at.kind];
  if (end > image.length || (kind !== kindEntry && kind !== kindFooter)) return null;
  const crc = image.readUInt32LE(position);
  if (crc32(image.subarray(position + at.dataBytes, end), seed) !== crc) return null;
  const index = readUint64(image, position + at.index);
  const term = readUint64(image, position + at.term);
  const count = image.readUInt32LE(position + at.count);
  if (kind === kindEntry) {
    const type = image[position + at.type]!;
    return { kind: 'entry', index, term, type, remaining: count, dataOffset, dataBytes, end, crc };
  }
  if (dataBytes !== footerDataBytes) return null;
  const bodyOffset = readUint64(image, position + footerAt.bodyOffset);
  return { kind: 'footer', index, term, count, bodyOffset, end, crc };
}

/** The entry of a decoded record; its data is a view of `image`. */
export function entryOf(image: Buffer, record: EntryRecord): Entry {
  return {
    index: record.index,
    term: record.term,
    type: record.type as EntryType,
    data: image.subarray(record.dataOffset, record.dataOffset + record.dataBytes),
  };
}

/**
 * Looks for a footer that is whole in itself, whatever became of the records before it.
 * It carries its own offset and a CRC seeded with the file's secret, so that data cannot pass for one.
 * @param image The file from its beginning.
 * @returns Its offset, or null.
 */
export function findFooter(image: Buffer, from: number, footerSeed: number): number | null {
  let found = image.indexOf(footerMagic, from);
  while (found !== -1) {
    const position = found - footerAt.magic;
    if (position >= from && isWholeFooter(image, position, footerSeed)) return position;
    found = image.indexOf(footerMagic, found + 1);
  }
  return null;
}

function isWholeFooter(image: Buffer, position: number, footerSeed: number): boolean {
  return (
    position + footerBytes <= image.length &&
    readUint64(image, position + footerAt.offset) === position &&
    image.readUInt32LE(position + footerAt.ownCrc) === ownCrc(image, position, footerSeed)
  );
}
