/** Limits a rate of bytes, and lets a small burst pass at once. */
export class TokenBucket {
  readonly #bytesPerSecond: number;
  readonly #burstBytes: number;
  readonly #nowMs: () => number;
  #tokens: number;
  #countedMs: number;

  /** @param nowMs Monotonic. */
  constructor(bytesPerSecond: number, burstBytes: number, nowMs = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#burstBytes = burstBytes;
    this.#nowMs = nowMs;
    this.#tokens = burstBytes;
    this.#countedMs = nowMs();
  }

  /** Takes the bytes, on credit if need be. Returns the milliseconds to wait before they are sent. */
  take(bytes: number): number {
    const nowMs = this.#nowMs();
    const earned = ((nowMs - this.#countedMs) / 1000) * this.#bytesPerSecond;
    this.#tokens = Math.min(this.#burstBytes, this.#tokens + earned) - bytes;
    this.#countedMs = nowMs;
    return Math.max(0, (-this.#tokens / this.#bytesPerSecond) * 1000);
  }
}
