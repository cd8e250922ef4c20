import { describe, expect, it } from 'vitest';
import { DigestHash, WordHash } from '../../src/index.ts';

describe('WordHash', () => {
  it('agrees with hsiphash (HalfSipHash-1-3) of the kernel, lib/test_siphash.c', () => {
    const hash = new WordHash(0x03020100, 0x07060504);
    const words = Uint32Array.from([0x03020100, 0x07060504]);
    expect(hash.words(words, 0, 0)).toBe(0x5814c896);
    expect(hash.words(words, 0, 1)).toBe(0x7e059ea6);
    expect(hash.words(words, 0, 2)).toBe(0x577999b1);
  });

  it.each([new WordHash(1, 2, true), new DigestHash()])(
    'depends on every bit of the bytes and on their number',
    (hash) => {
      const seen = new Set<string>();
      const result = (bytes: Uint8Array, length: number) => {
        hash.bytes(bytes, 0, length);
        return `${hash.low} ${hash.high}`;
      };
      for (let length = 0; length <= 41; length += 1) {
        const bytes = new Uint8Array(41);
        seen.add(result(bytes, length));
        for (let bit = 0; bit < 8 * length; bit += 1) {
          bytes[bit >> 3]! ^= 1 << (bit & 7);
          seen.add(result(bytes, length));
          bytes[bit >> 3]! ^= 1 << (bit & 7);
        }
      }
      expect(seen.size).toBe(42 + 8 * ((41 * 42) / 2));
    },
  );
});
