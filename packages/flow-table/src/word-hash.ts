import { readUint32 } from './byte-order.ts';

/**
 * HalfSipHash-1-3 over 32-bit words (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the kernel's `hsiphash`
 * on 32-bit machines). Keyed, so strangers who choose flow keys cannot make them collide; with a fixed key it is the
 * hash of digests. `low` equals `hsiphash` of the words as little-endian bytes; `high` is 32 further bits.
 */
export class WordHash {
  /** First 32 bits of the last result, unsigned. */
  low = 0;
  /** Second 32 bits of the last result, unsigned. */
  high = 0;
  readonly #key0: number;
  readonly #key1: number;
  readonly #bytes = new Uint32Array(64);

  /** Two 32-bit words of key: random for an index, fixed for a digest. */
  constructor(key0: number, key1: number) {
    this.#key0 = key0 | 0;
    this.#key1 = key1 | 0;
  }

  /**
   * Hashes `words[start]` to `words[end - 1]` into `low` and `high`; returns `low`. `tail` are up to three bytes behind
   * the words, and their number in bits 24 and 25.
   */
  words(words: Uint32Array, start: number, end: number, tail = 0): number {
    let v0 = this.#key0;
    let v1 = this.#key1;
    let v2 = 0x6c796765 ^ this.#key0;
    let v3 = 0x74656462 ^ this.#key1;
    const rounds = end - start;
    // The words, the length block, three closing rounds for `low` and three more for `high`: one loop holds them all.
    for (let round = 0; round < rounds + 7; round += 1) {
      let block = 0;
      if (round < rounds) block = words[start + round]! | 0;
      else if (round === rounds) block = (rounds << 26) | tail;
      else if (round === rounds + 1) v2 ^= 0xff;
      else if (round === rounds + 4) {
        this.low = (v1 ^ v3) >>> 0;
        v1 ^= 0xdd;
      }
      v3 ^= block;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= block;
    }
    this.high = (v1 ^ v3) >>> 0;
    return this.low;
  }

  /** Hashes up to 255 bytes, as words in network order; returns `low`. */
  bytes(buffer: Uint8Array, offset: number, length: number): number {
    const scratch = this.#bytes;
    const whole = length >>> 2;
    for (let word = 0; word < whole; word += 1) {
      scratch[word] = readUint32(buffer, offset + 4 * word);
    }
    let tail = (length & 3) << 24;
    for (let at = 4 * whole, shift = 16; at < length; at += 1, shift -= 8) {
      tail |= buffer[offset + at]! << shift;
    }
    return this.words(scratch, 0, whole, tail);
  }
}

/** The hash of digests and key ranges: its key is part of the format, equal on all members and for all time. */
export const newFixedHash = (): WordHash => new WordHash(0x72616674, 0x77616c6c);
