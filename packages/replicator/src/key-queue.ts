/**
 * Flow keys that wait for the kernel, in order, as bytes in one growing buffer: no object per flow. What to do with a
 * flow is decided from the table when its key is taken out.
 */
export class KeyQueue {
  readonly #bytesMax: number;
  #bytes = new Uint8Array(64 * 1024);
  #head = 0;
  #tail = 0;
  #count = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether there was room; false leaves the queue as it was. */
  push(key: Uint8Array, length: number): boolean {
    if (!this.#makeRoom(length + 1)) return false;
    this.#bytes[this.#tail] = length;
    for (let i = 0; i < length; i += 1) this.#bytes[this.#tail + 1 + i] = key[i]!;
    this.#tail += length + 1;
    this.#count += 1;
    return true;
  }

  /** Copies the oldest key into `into` and returns its length, or 0 when the queue is empty. */
  shift(into: Uint8Array): number {
    if (this.#count === 0) return 0;
    const length = this.#bytes[this.#head]!;
    for (let i = 0; i < length; i += 1) into[i] = this.#bytes[this.#head + 1 + i]!;
    this.#head += length + 1;
    this.#count -= 1;
    if (this.#count === 0) {
      this.#head = 0;
      this.#tail = 0;
    }
    return length;
  }

  clear(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#count = 0;
  }

  #makeRoom(bytes: number): boolean {
    if (this.#tail + bytes <= this.#bytes.length) return true;
    const used = this.#tail - this.#head;
    if (used + bytes > this.#bytesMax) return false;
    const target =
      used * 2 > this.#bytes.length ? new Uint8Array(this.#bytes.length * 2) : this.#bytes;
    target.set(this.#bytes.subarray(this.#head, this.#tail));
    this.#bytes = target;
    this.#head = 0;
    this.#tail = used;
    return this.#makeRoom(bytes);
  }
}
