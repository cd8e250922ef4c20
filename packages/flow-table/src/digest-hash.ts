import { bytesToWords, tailOfBytes } from './byte-order.ts';

const PIECE_BYTES = 240;

/**
 * The hash of digests, key ranges and stored flows: 64 bits in two lanes after MurmurHash3 (Appleby; public domain),
 * without a key, equal on all members and for all time. It finds accidents, not forgeries: whoever can forge an operation
 * does not need to forge a digest.
 */
export class DigestHash {
  /** First 32 bits of the last result, unsigned. */
  low = 0;
  /** Second 32 bits of the last result, unsigned. */
  high = 0;
  readonly #scratch = new Uint32Array(64);

  /** Hashes `words[start]` to `words[end - 1]` and `tail`; returns `low`. */
  words(words: Uint32Array, start: number, end: number, tail = 0): number {
    let low = 0x72616674;
    let high = 0x77616c6c;
    for (let at = start; at <= end; at += 1) {
      const word = at < end ? words[at]! : tail;
      let mixed = Math.imul(word, 0xcc9e2d51);
      mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
      low ^= mixed;
      low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
      mixed = Math.imul(word, 0xab0e9789);
      mixed = Math.imul((mixed << 16) | (mixed >>> 16), 0x38b34ae5);
      high ^= mixed;
      high = (Math.imul((high << 17) | (high >>> 15), 5) + 0x32ac3b17) | 0;
    }
    low = avalanche((low ^ (end - start)) + high);
    high = avalanche(high + low);
    this.low = (low + high) >>> 0;
    this.high = high >>> 0;
    return this.low;
  }

  /** Hashes up to 255 bytes, as words in network order; returns `low`. */
  bytes(buffer: Uint8Array, offset: number, length: number): number {
    const whole = bytesToWords(buffer, offset, length, this.#scratch);
    return this.words(this.#scratch, 0, whole, tailOfBytes(buffer, offset, length));
  }

  /** Hashes any number of bytes, in pieces chained by the hash of the pieces before; returns `low`. */
  long(buffer: Uint8Array, offset: number, length: number): number {
    const chain = new Uint32Array(4);
    chain[0] = length;
    for (let at = 0; at < length; at += PIECE_BYTES) {
      chain[3] = this.bytes(buffer, offset + at, Math.min(PIECE_BYTES, length - at));
      chain[2] = this.high;
      chain[1] = this.words(chain, 0, 4);
    }
    return this.words(chain, 0, 4);
  }
}

function avalanche(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
