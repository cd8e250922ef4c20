import { readUint32, readUint48, writeUint32, writeUint48 } from './byte-order.ts';
import { DigestHash } from './digest-hash.ts';
import { DIGEST_RANGES } from './flow-digest.ts';

/** Words of a range: flows, sum of their written hashes, exclusive or of them. */
const RANGE_WORDS = 3;
const HEADER_BYTES = 18;
const RANGES_BYTES = HEADER_BYTES + DIGEST_RANGES * RANGE_WORDS * 4 + 4;

/**
 * Count and digest of each key range as written on disk (rule T4). The record of all ranges goes with every batch, in the
 * same atomic write:
 *
 *     0   6  number of the batch, from 1
 *     6   6  number of the batch that last moved the position, 0 for none
 *     12  6  flows
 *     18  12 for each of the 256 ranges: flows, sum and exclusive or of their 32-bit written hashes
 *     3090 4 hash of all the bytes before
 *
 * A whole record, not the touched ranges alone: if LevelDB loses a batch and keeps a later one, the later one's record
 * counts what the lost one wrote, whichever ranges that was in.
 */
export class CheckpointRanges {
  /** Number of the last batch. */
  batch = 0;
  /** Number of the batch that last moved the position. */
  positionBatch = 0;
  readonly #words = new Uint32Array(DIGEST_RANGES * RANGE_WORDS);

  /** Flows in all ranges. */
  get count(): number {
    let count = 0;
    for (let at = 0; at < this.#words.length; at += RANGE_WORDS) count += this.#words[at]!;
    return count;
  }

  /** Counts a flow that is written (`sign` 1), or is deleted or about to be overwritten (-1). */
  fold(range: number, writtenHash: number, sign: 1 | -1): void {
    const at = range * RANGE_WORDS;
    this.#words[at]! += sign;
    this.#words[at + 1]! += sign * writtenHash;
    this.#words[at + 2]! ^= writtenHash;
  }

  /** The first range in which another differs, or -1. */
  firstDifference(other: CheckpointRanges): number {
    const at = this.#words.findIndex((word, index) => word !== other.#words[index]);
    return at < 0 ? -1 : Math.floor(at / RANGE_WORDS);
  }

  pack(): Uint8Array {
    const bytes = new Uint8Array(RANGES_BYTES);
    writeUint48(bytes, 0, this.batch);
    writeUint48(bytes, 6, this.positionBatch);
    writeUint48(bytes, 12, this.count);
    let end = HEADER_BYTES;
    for (const word of this.#words) end = writeUint32(bytes, end, word);
    writeUint32(bytes, end, hashOf(bytes));
    return bytes;
  }

  /** Takes a packed record; false if it is malformed. */
  unpack(bytes: Uint8Array): boolean {
    if (bytes.length !== RANGES_BYTES) return false;
    if (readUint32(bytes, RANGES_BYTES - 4) !== hashOf(bytes)) return false;
    this.batch = readUint48(bytes, 0);
    this.positionBatch = readUint48(bytes, 6);
    for (let at = 0; at < this.#words.length; at += 1) {
      this.#words[at] = readUint32(bytes, HEADER_BYTES + 4 * at);
    }
    return readUint48(bytes, 12) === this.count;
  }
}

/** Hash of all but the last four bytes. */
function hashOf(bytes: Uint8Array): number {
  const hash = new DigestHash();
  return hash.long(bytes, 0, bytes.length - 4);
}
