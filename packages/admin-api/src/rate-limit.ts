interface Bucket {
  tokens: number;
  refilledAtMs: number;
}

export interface RateLimitOptions {
  readonly requestsPerSecondMax: number;
  readonly requestBurstMax: number;
}

/** Requesters remembered at most; beyond, the one that was quiet longest is forgotten, which only helps it. */
const REQUESTERS_MAX = 1024;

/** A token bucket for each requester. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #nowMs: () => number;
  /** In the order of last use. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param nowMs A monotonic clock. */
  constructor(options: RateLimitOptions, nowMs: () => number) {
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** Takes one request from a requester's budget. @returns False when the budget is used up. */
  take(requester: string): boolean {
    const { requestsPerSecondMax, requestBurstMax } = this.#options;
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(requester) ?? { tokens: requestBurstMax, refilledAtMs: nowMs };
    const earned = ((nowMs - bucket.refilledAtMs) / 1000) * requestsPerSecondMax;
    bucket.tokens = Math.min(requestBurstMax, bucket.tokens + earned);
    bucket.refilledAtMs = nowMs;
    this.#remember(requester, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #remember(requester: string, bucket: Bucket): void {
    this.#buckets.delete(requester);
    this.#buckets.set(requester, bucket);
    if (this.#buckets.size <= REQUESTERS_MAX) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
