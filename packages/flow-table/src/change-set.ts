import { readUint32, writeUint32 } from './byte-order.ts';

const CHUNK_BYTES = 64 * 1024;
const TOMBSTONE_BYTES_MAX = 48;
/** Slots of one bitmap. */
const BITMAP_SHIFT = 13;
const BITMAP_WORDS = (1 << BITMAP_SHIFT) / 32;

/** Called with a packed key (`length` bytes at `offset`, valid during the call) and the hash of its written form. */
export type TombstoneVisitor = (
  buffer: Uint8Array,
  offset: number,
  length: number,
  writtenHash: number,
) => void;

/**
 * What the checkpoint has yet to write: a bit for each changed slot, and a tombstone for each deleted flow that the
 * disk still has (rule T2). It costs a bit a slot; tombstones are as many as written flows at the most.
 */
export class ChangeSet {
  readonly #bitmaps: Uint32Array[] = [];
  readonly #counts: number[] = [];
  #slots = 0;
  /** Chunks of [key length (1), key, written hash (4)]; read from the front. */
  readonly #chunks: Uint8Array[] = [];
  #readAt = 0;
  #writeAt = 0;
  readonly #ends: number[] = [];
  #tombstones = 0;

  /** Changed slots and tombstones together. */
  get size(): number {
    return this.#slots + this.#tombstones;
  }

  get tombstones(): number {
    return this.#tombstones;
  }

  get byteLength(): number {
    return this.#bitmaps.length * BITMAP_WORDS * 4 + this.#chunks.length * CHUNK_BYTES;
  }

  /** Marks a slot as changed. */
  mark(slot: number): void {
    const bitmap = slot >>> BITMAP_SHIFT;
    while (this.#bitmaps.length <= bitmap) {
      this.#bitmaps.push(new Uint32Array(BITMAP_WORDS));
      this.#counts.push(0);
    }
    this.#set(bitmap, slot, true);
  }

  /** Takes the mark off a slot, because its flow is gone. */
  unmark(slot: number): void {
    const bitmap = slot >>> BITMAP_SHIFT;
    if (bitmap < this.#bitmaps.length) this.#set(bitmap, slot, false);
  }

  /** Remembers a deleted flow that the disk still has; its packed key is at `offset`. */
  bury(buffer: Uint8Array, offset: number, length: number, writtenHash: number): void {
    let chunk = this.#chunks.at(-1);
    if (!chunk || this.#writeAt + TOMBSTONE_BYTES_MAX > CHUNK_BYTES) {
      chunk = new Uint8Array(CHUNK_BYTES);
      this.#chunks.push(chunk);
      this.#ends.push(0);
      this.#writeAt = 0;
    }
    chunk[this.#writeAt] = length;
    for (let at = 0; at < length; at += 1) chunk[this.#writeAt + 1 + at] = buffer[offset + at]!;
    this.#writeAt = writeUint32(chunk, this.#writeAt + 1 + length, writtenHash);
    this.#ends[this.#ends.length - 1] = this.#writeAt;
    this.#tombstones += 1;
  }

  /** Takes up to `limit` tombstones, the oldest first; returns how many. */
  takeTombstones(limit: number, visit: TombstoneVisitor): number {
    let taken = 0;
    while (taken < limit && this.#tombstones > 0) {
      const chunk = this.#chunks[0]!;
      const length = chunk[this.#readAt]!;
      const key = this.#readAt + 1;
      this.#readAt = key + length + 4;
      this.#tombstones -= 1;
      taken += 1;
      visit(chunk, key, length, readUint32(chunk, key + length));
      if (this.#readAt === this.#ends[0]) this.#dropChunk();
    }
    return taken;
  }

  /**
   * Takes up to `limit` changed slots from `cursor` upwards.
   *
   * @returns where to go on, or -1 when there are none behind.
   */
  takeSlots(cursor: number, limit: number, visit: (slot: number) => void): number {
    let left = limit;
    for (let bitmap = cursor >>> BITMAP_SHIFT; bitmap < this.#bitmaps.length; bitmap += 1) {
      if (this.#counts[bitmap] === 0) continue;
      const words = this.#bitmaps[bitmap]!;
      const first = bitmap << BITMAP_SHIFT;
      for (let word = Math.max(0, cursor - first) >>> 5; word < BITMAP_WORDS; word += 1) {
        while (words[word] !== 0) {
          if (left === 0) return first + 32 * word;
          const bit = 31 - Math.clz32(words[word]! & -words[word]!);
          this.#set(bitmap, 32 * word + bit, false);
          visit(first + 32 * word + bit);
          left -= 1;
        }
      }
    }
    return -1;
  }

  clear(): void {
    this.#bitmaps.length = 0;
    this.#counts.length = 0;
    this.#chunks.length = 0;
    this.#ends.length = 0;
    this.#slots = 0;
    this.#tombstones = 0;
    this.#readAt = 0;
    this.#writeAt = 0;
  }

  #set(bitmap: number, slot: number, marked: boolean): void {
    const words = this.#bitmaps[bitmap]!;
    const word = (slot >>> 5) % BITMAP_WORDS;
    const bit = 1 << (slot & 31);
    if (((words[word]! & bit) !== 0) === marked) return;
    words[word]! ^= bit;
    const step = marked ? 1 : -1;
    this.#counts[bitmap]! += step;
    this.#slots += step;
  }

  #dropChunk(): void {
    this.#readAt = 0;
    if (this.#chunks.length === 1) {
      this.#writeAt = 0;
      this.#ends[0] = 0;
      return;
    }
    this.#chunks.shift();
    this.#ends.shift();
  }
}
