import { bytesToWords, tailOfBytes } from './byte-order.ts';

/**
 * HalfSipHash-1-3 over 32-bit words (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the kernel's `hsiphash`
 * on 32-bit machines). Keyed at random, so that strangers who choose flow keys cannot make them collide. `low`
 * equals `hsiphash` of the words as little-endian bytes; a wide hash has 64 bits.
 */
export class WordHash {
  /** The last result, unsigned. */
  low = 0;
  /** 32 further bits of the last result, unsigned; 0 unless the hash is a wide one. */
  high = 0;
  readonly #closingRounds: number;
  readonly #key0: number;
  readonly #key1: number;
  readonly #scratch = new Uint32Array(64);

  /** Two random 32-bit words of key; `wide` for 64 bits of result. */
  constructor(key0: number, key1: number, wide = false) {
    this.#closingRounds = wide ? 6 : 3;
    this.#key0 = key0 | 0;
    this.#key1 = key1 | 0;
  }

  /**
   * Hashes `words[start]` to `words[end - 1]` into `low` (and `high`); returns `low`. `tail` are up to three bytes behind
   * the words, and their number in bits 24 and 25.
   */
  words(words: Uint32Array, start: number, end: number, tail = 0): number {
    let v0 = this.#key0;
    let v1 = this.#key1;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    for (let at = start; at <= end; at += 1) {
      const block = at < end ? words[at]! | 0 : ((end - start) << 26) | tail;
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
    v2 ^= 0xff;
    for (let round = 0; round < this.#closingRounds; round += 1) {
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
      if (round !== 2) continue;
      this.low = (v1 ^ v3) >>> 0;
      v1 ^= 0xdd;
    }
    if (this.#closingRounds > 3) this.high = (v1 ^ v3) >>> 0;
    return this.low;
  }

  /** Hashes up to 255 bytes, as words in network order; returns `low`. */
  bytes(buffer: Uint8Array, offset: number, length: number): number {
    const whole = bytesToWords(buffer, offset, length, this.#scratch);
    return this.words(this.#scratch, 0, whole, tailOfBytes(buffer, offset, length));
  }
}
