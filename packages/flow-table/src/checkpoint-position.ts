import { readUint32, readUint48, writeUint32, writeUint48 } from './byte-order.ts';
import { DigestHash } from './digest-hash.ts';

const HEADER_BYTES = 22;

/** What the caller had applied when a round began. */
export interface CheckpointPosition {
  /** Log index, 0 to 2^48 - 1. */
  index: number;
  /** Term of the entry at the index, 0 to 2^48 - 1. */
  term: number;
  /** The caller's own state at the index (epochs, sequences, members), opaque here. */
  meta: Uint8Array;
}

/**
 * Packs a position:
 *
 *     0   6  number of the batch that wrote it
 *     6   6  index
 *     12  6  term
 *     18  4  length of meta
 *     22     meta
 *     then 4 hash of all the bytes before
 */
export function packPosition(position: CheckpointPosition, batch: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + position.meta.length + 4);
  writeUint48(bytes, 0, batch);
  writeUint48(bytes, 6, position.index);
  writeUint48(bytes, 12, position.term);
  writeUint32(bytes, 18, position.meta.length);
  bytes.set(position.meta, HEADER_BYTES);
  writeUint32(bytes, bytes.length - 4, new DigestHash().long(bytes, 0, bytes.length - 4));
  return bytes;
}

/** Reads a packed position and its batch's number; null if it is malformed. */
export function unpackPosition(
  bytes: Uint8Array,
): { position: CheckpointPosition; batch: number } | null {
  const metaEnd = bytes.length - 4;
  if (metaEnd < HEADER_BYTES || readUint32(bytes, 18) !== metaEnd - HEADER_BYTES) return null;
  if (readUint32(bytes, metaEnd) !== new DigestHash().long(bytes, 0, metaEnd)) return null;
  const position = {
    index: readUint48(bytes, 6),
    term: readUint48(bytes, 12),
    meta: Uint8Array.from(bytes.subarray(HEADER_BYTES, metaEnd)),
  };
  return { position, batch: readUint48(bytes, 0) };
}
