/** What a stream of numbered lines has come to. */
export interface StreamReport {
  /** It goes on after the mark: a number sent after it came back, and nothing is wrong. */
  readonly survived: boolean;
  /** What ended or spoiled it: a reset, an end, a number lost, twice or out of order. */
  readonly fault: string | null;
  /** Longest time without an echo since the mark, in milliseconds, up to now if none has come. */
  readonly longestGapMs: number;
  /** Numbers echoed since the beginning. */
  readonly echoed: number;
}

/**
 * The book-keeping of one session: numbers go out, and the same numbers must come back, each once
 * and in order. It forgives nothing: a single wrong line, or the end of the stream, is a fault for good.
 */
export class NumberedStream {
  #sent = 0;
  #echoed = 0;
  #sentAtMark = 0;
  #fault: string | null = null;
  #rest = '';
  #lastEchoAtMs: number;
  #longestGapMs = 0;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#lastEchoAtMs = now();
  }

  get fault(): string | null {
    return this.#fault;
  }

  get echoed(): number {
    return this.#echoed;
  }

  /** @returns the next line to send */
  next(): string {
    this.#sent += 1;
    return `${this.#sent}\n`;
  }

  /** Takes what came back, in pieces of any size. */
  take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line);
  }

  /** The stream ended or failed. The first fault stays. */
  fail(reason: string): void {
    this.#fault ??= reason;
  }

  /** From here on survival and gaps count; a gap that has begun already counts whole. Call it when
   * the fault has just happened: a number sent before it could still come back. */
  mark(): void {
    this.#sentAtMark = this.#sent;
    this.#longestGapMs = 0;
  }

  /** Whether it has come through since the mark; it may still fail later. */
  get survived(): boolean {
    return this.#fault === null && this.#echoed > this.#sentAtMark;
  }

  report(): StreamReport {
    return {
      survived: this.survived,
      fault: this.#fault,
      longestGapMs: Math.max(this.#longestGapMs, this.#now() - this.#lastEchoAtMs),
      echoed: this.#echoed,
    };
  }

  #takeLine(line: string): void {
    const now = this.#now();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastEchoAtMs);
    this.#lastEchoAtMs = now;
    const expected = this.#echoed + 1;
    if (line === String(expected) && expected <= this.#sent) this.#echoed = expected;
    else this.fail(`${JSON.stringify(line)} came back instead of ${expected}`);
  }
}
