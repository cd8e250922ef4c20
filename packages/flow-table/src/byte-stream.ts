import { FlowSnapshotDamagedError } from './errors.ts';

/** Reads runs of a given length out of chunks that are cut elsewhere. Holds at most one chunk and the run asked for. */
export class ByteStream {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #offset = 0;

  constructor(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#chunks =
      Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * The next `length` bytes, valid until the next call.
   *
   * @throws {FlowSnapshotDamagedError} If the stream ends before.
   */
  async read(length: number): Promise<Uint8Array> {
    if (this.#chunk.length - this.#at >= length) return this.#take(length);
    const run = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      if (this.#at === this.#chunk.length && !(await this.#pull())) {
        throw new FlowSnapshotDamagedError(this.#offset, 'it ends too early');
      }
      const part = this.#take(Math.min(length - filled, this.#chunk.length - this.#at));
      run.set(part, filled);
      filled += part.length;
    }
    return run;
  }

  /** Whether nothing is left. */
  async isAtEnd(): Promise<boolean> {
    return this.#at === this.#chunk.length && !(await this.#pull());
  }

  #take(length: number): Uint8Array {
    const run = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.#offset += length;
    return run;
  }

  async #pull(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return false;
      this.#chunk = value;
      this.#at = 0;
      if (value.length > 0) return true;
    }
  }
}
