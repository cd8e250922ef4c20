import { Buffer } from 'node:buffer';
import path from 'node:path';
import type { EntryIndex } from './entry-index.ts';
import { StorageCorruptionError } from './errors.ts';
import { type FileSystem, writeAsync } from './file-system.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  footerSeedOf,
  type SegmentHeader,
  segmentHeaderBytes,
} from './segment-header.ts';

const suffix = '.segment';
const sequenceDigits = 16;

/** Name of the segment with this number: sorted names are in order. */
export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(sequenceDigits, '0')}${suffix}`;
}

/** Number of the segment with this name, or null when it is no segment's name. */
export function segmentSequence(name: string): number | null {
  const digits = name.slice(0, -suffix.length);
  return name.endsWith(suffix) && /^\d{16}$/.test(digits) ? Number(digits) : null;
}

/** An open segment file whose entries are known. */
export interface Segment {
  readonly path: string;
  readonly file: number;
  readonly header: SegmentHeader;
  readonly footerSeed: number;
  readonly entries: EntryIndex;
  /** Where the next group goes. */
  end: number;
  /** CRC of the record before `end`. */
  crc: number;
}

/** A segment file of which only the header was read. */
export interface SegmentFile {
  readonly path: string;
  readonly file: number;
  readonly sizeBytes: number;
  readonly header: SegmentHeader;
}

/** @throws {StorageCorruptionError} If the header is damaged or names another segment. */
export async function openSegmentFile(
  fileSystem: FileSystem,
  directory: string,
  sequence: number,
): Promise<SegmentFile> {
  const name = path.join(directory, segmentName(sequence));
  const file = await fileSystem.open(name, 'update');
  try {
    const block = Buffer.alloc(segmentHeaderBytes);
    const bytes = fileSystem.read(file, block, 0);
    const header = decodeSegmentHeader(block.subarray(0, bytes), name);
    if (header.sequence !== sequence) {
      throw new StorageCorruptionError(name, 0, `the header names segment ${header.sequence}`);
    }
    return { path: name, file, sizeBytes: await fileSystem.sizeBytes(file), header };
  } catch (error) {
    await fileSystem.close(file);
    throw error;
  }
}

/** Puts content and file together. */
export function makeSegment(
  place: Pick<SegmentFile, 'path' | 'file' | 'header'>,
  content: { readonly entries: EntryIndex; readonly end: number; readonly crc: number },
): Segment {
  const { path: name, file, header } = place;
  const { entries, end, crc } = content;
  return { path: name, file, header, footerSeed: footerSeedOf(header), entries, end, crc };
}

/** Writes the header of a segment that begins; the caller syncs. */
export function writeSegmentHeader(
  fileSystem: FileSystem,
  file: number,
  header: SegmentHeader,
): Promise<void> {
  return writeAsync(fileSystem, file, encodeSegmentHeader(header), 0);
}
