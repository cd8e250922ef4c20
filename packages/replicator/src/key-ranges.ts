import { DIGEST_RANGES } from '@raftwall/flow-table';

/** Bytes of the set: a bit for each of the 256 key ranges of a digest. */
const setBytes = DIGEST_RANGES / 8;

/** A set of key ranges, 0 to 255, as the log carries it. */
export class KeyRanges {
  readonly bytes: Uint8Array;

  /** @param bytes of another set, copied; any length will do. */
  constructor(bytes: Uint8Array = new Uint8Array(setBytes)) {
    this.bytes = new Uint8Array(setBytes);
    this.bytes.set(bytes.subarray(0, setBytes));
  }

  has(range: number): boolean {
    return (this.bytes[range >>> 3]! & (1 << (range & 7))) !== 0;
  }

  add(range: number): void {
    this.bytes[range >>> 3]! |= 1 << (range & 7);
  }

  get size(): number {
    let size = 0;
    for (let range = 0; range < DIGEST_RANGES; range += 1) if (this.has(range)) size += 1;
    return size;
  }

  addAll(other: KeyRanges): void {
    for (const [at, bits] of other.bytes.entries()) this.bytes[at]! |= bits;
  }

  /**
   * The first of these ranges that hold at most so many flows together, but at least one.
   *
   * @param ranges `DigestSummary.ranges`, as little-endian bytes.
   */
  within(flowsMax: number, ranges: Uint8Array): KeyRanges {
    const first = new KeyRanges();
    let flows = 0;
    for (let range = 0; range < DIGEST_RANGES; range += 1) {
      if (!this.has(range)) continue;
      flows += flowsIn(ranges, range);
      if (first.size > 0 && flows > flowsMax) break;
      first.add(range);
    }
    return first;
  }

  /** The ranges in which two digests differ; both are `DigestSummary.ranges`, as little-endian bytes. */
  static inWhichDiffer(left: Uint8Array, right: Uint8Array): KeyRanges {
    const different = new KeyRanges();
    const rangeBytes = right.length / DIGEST_RANGES;
    for (let range = 0; range < DIGEST_RANGES; range += 1) {
      const [start, end] = [range * rangeBytes, (range + 1) * rangeBytes];
      const isSame = Buffer.compare(left.subarray(start, end), right.subarray(start, end)) === 0;
      if (!isSame) different.add(range);
    }
    return different;
  }
}

/** The first word of a range counts its flows. */
function flowsIn(ranges: Uint8Array, range: number): number {
  const view = new DataView(ranges.buffer, ranges.byteOffset, ranges.byteLength);
  return view.getUint32((range * ranges.byteLength) / DIGEST_RANGES, true);
}
