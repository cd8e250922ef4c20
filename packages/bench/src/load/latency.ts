/** Milliseconds. */
export interface LatencySummary {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Steps of 1 % between a microsecond and about two minutes. */
const growth = 1.01;
const lowestMs = 0.001;
const buckets = 1900;

/** Times in buckets that are 1 % wide: any number of them in the same few kilobytes. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(buckets);
  #count = 0;
  #maxMs = 0;

  add(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(ms, lowestMs) / lowestMs) / Math.log(growth));
    this.#counts[Math.min(bucket, buckets - 1)]! += 1;
    this.#count += 1;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  summary(): LatencySummary {
    return { p50Ms: this.#quantile(0.5), p99Ms: this.#quantile(0.99), maxMs: this.#maxMs };
  }

  /** The upper edge of the bucket that holds it. */
  #quantile(share: number): number {
    let below = 0;
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      below += this.#counts[bucket]!;
      if (below >= share * this.#count) return lowestMs * growth ** (bucket + 1);
    }
    return this.#maxMs;
  }
}
