import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { Index, Term } from '../core/types.ts';
import { StorageCorruptionError, StorageFormatError } from './errors.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/** What a segment says of itself and of the log before it. */
export interface SegmentHeader {
  readonly clusterId: string;
  /** 32 hex digits, the member's. */
  readonly incarnation: string;
  /** Position in the order in which the directory's segments were begun; also the file's name. */
  readonly sequence: number;
  readonly firstIndex: Index;
  /** Term of the entry before the first one. */
  readonly previousTerm: Term;
  /** CRC of the record before the first one: the chain goes on from it. */
  readonly seed: number;
}

export const segmentHeaderBytes = 4096;
const segmentFormatVersion = 1;

const magic = Buffer.from('RAFTLOG\0');
const at = {
  version: 8,
  clusterIdBytes: 10,
  seed: 12,
  incarnation: 16,
  sequence: 32,
  firstIndex: 40,
  previousTerm: 48,
  clusterId: 56,
  crc: 4092,
};

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const block = Buffer.alloc(segmentHeaderBytes);
  magic.copy(block);
  block.writeUInt16LE(segmentFormatVersion, at.version);
  block.writeUInt16LE(block.write(header.clusterId, at.clusterId), at.clusterIdBytes);
  block.writeUInt32LE(header.seed, at.seed);
  block.write(header.incarnation, at.incarnation, 'hex');
  writeUint64(block, header.sequence, at.sequence);
  writeUint64(block, header.firstIndex, at.firstIndex);
  writeUint64(block, header.previousTerm, at.previousTerm);
  block.writeUInt32LE(crc32(block.subarray(0, at.crc)), at.crc);
  return block;
}

/**
 * @throws {StorageCorruptionError} If it is damaged: a segment gets its name only after its header was synced.
 * @throws {StorageFormatError} If a newer version wrote it.
 */
export function decodeSegmentHeader(block: Buffer, path: string): SegmentHeader {
  const isWhole =
    block.length === segmentHeaderBytes &&
    block.subarray(0, magic.length).equals(magic) &&
    block.readUInt32LE(at.crc) === crc32(block.subarray(0, at.crc));
  if (!isWhole) throw new StorageCorruptionError(path, 0, 'the segment header is damaged');
  const version = block.readUInt16LE(at.version);
  if (version !== segmentFormatVersion) {
    throw new StorageFormatError(path, version, segmentFormatVersion);
  }
  const clusterIdEnd = at.clusterId + block.readUInt16LE(at.clusterIdBytes);
  return {
    clusterId: block.toString('utf8', at.clusterId, clusterIdEnd),
    incarnation: block.toString('hex', at.incarnation, at.incarnation + 16),
    sequence: readUint64(block, at.sequence),
    firstIndex: readUint64(block, at.firstIndex),
    previousTerm: readUint64(block, at.previousTerm),
    seed: block.readUInt32LE(at.seed),
  };
}

/** Seed of the footers' own CRC: a footer that came from another file or member does not fit. */
export function footerSeedOf(header: SegmentHeader): number {
  return crc32(Buffer.from(`${header.incarnation}:${header.sequence}`));
}
