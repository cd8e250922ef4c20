import { assert } from './assert.ts';
import type { Index } from './types.ts';

/** Window of append requests that were sent and not yet acknowledged, limited in messages and in bytes. */
export class Inflights {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  /** A ring of `#messagesMax` places, of which `#count` are taken from `#head` on. */
  readonly #lastIndexes: Index[] = [];
  readonly #sizes: number[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = Math.ceil(messagesMax);
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  /** Only while it is not full. */
  add(lastIndex: Index, bytes: number): void {
    assert(this.#count < this.#messagesMax, 'the window has no place left');
    const place = (this.#head + this.#count) % this.#messagesMax;
    this.#lastIndexes[place] = lastIndex;
    this.#sizes[place] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Everything up to `index` has arrived. */
  freeTo(index: Index): void {
    while (this.#count > 0 && this.#lastIndexes[this.#head]! <= index) {
      this.#bytes -= this.#sizes[this.#head]!;
      this.#head = (this.#head + 1) % this.#messagesMax;
      this.#count--;
    }
  }

  reset(): void {
    this.#count = 0;
    this.#bytes = 0;
  }
}
