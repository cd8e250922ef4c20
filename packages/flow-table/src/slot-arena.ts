/** Words of a slot: 128 bytes, two cache lines. */
export const SLOT_WORDS = 32;
const NO_SEGMENT = new Uint32Array(0);

/**
 * Slots of 32 words in segments of a fixed size. A slot never moves. The lowest segment with room is filled first, so
 * that high ones drain while flows come and go; an empty segment is given back (one is kept against flapping).
 * Word 0 of a free slot is zero.
 */
export class SlotArena {
  readonly #shift: number;
  readonly #mask: number;
  readonly #segments: Uint32Array[] = [];
  /** Per segment: live slots, slots ever used (those behind are untouched), first free slot + 1 of a list through word 1. */
  readonly #live: number[] = [];
  readonly #used: number[] = [];
  readonly #free: number[] = [];
  #roomHint = 0;
  #allocated = 0;
  #empty = 0;
  #size = 0;

  /** @param segmentShift log2 of the slots in a segment. */
  constructor(segmentShift: number) {
    this.#shift = segmentShift;
    this.#mask = (1 << segmentShift) - 1;
  }

  /** Slots in use. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of all segments. */
  get byteLength(): number {
    return this.#allocated * SLOT_WORDS * 4 * (this.#mask + 1);
  }

  /** Every slot number is below this. */
  get slotEnd(): number {
    return this.#segments.length << this.#shift;
  }

  /** The words that hold a slot; those of the slot start at `base`. Empty if the slot's segment was given back. */
  words(slot: number): Uint32Array {
    return this.#segments[slot >>> this.#shift] ?? NO_SEGMENT;
  }

  /** Where a slot's words start in `words(slot)`. */
  base(slot: number): number {
    return (slot & this.#mask) * SLOT_WORDS;
  }

  /** The end of the slots that may be in use in the slot's segment: the rest up to the next segment is not. */
  usedEnd(slot: number): number {
    const segment = slot >>> this.#shift;
    return (segment << this.#shift) + (this.#used[segment] ?? 0);
  }

  /** The first slot of the segment behind the slot's. */
  nextSegment(slot: number): number {
    return ((slot >>> this.#shift) + 1) << this.#shift;
  }

  /** Takes a slot, all of whose words are zero. */
  allocate(): number {
    const segment = this.#segmentWithRoom();
    const words = this.#segments[segment]!;
    if (this.#live[segment]! === 0) this.#empty -= 1;
    this.#live[segment]! += 1;
    this.#size += 1;
    const free = this.#free[segment]!;
    if (free === 0) {
      const index = this.#used[segment]!;
      this.#used[segment] = index + 1;
      return (segment << this.#shift) + index;
    }
    const next = (free - 1) * SLOT_WORDS + 1;
    this.#free[segment] = words[next]!;
    words[next] = 0;
    return (segment << this.#shift) + free - 1;
  }

  /** Gives a slot back. */
  release(slot: number): void {
    const segment = slot >>> this.#shift;
    const words = this.#segments[segment]!;
    const base = this.base(slot);
    words.fill(0, base, base + SLOT_WORDS);
    words[base + 1] = this.#free[segment]!;
    this.#free[segment] = (slot & this.#mask) + 1;
    this.#live[segment]! -= 1;
    this.#size -= 1;
    if (segment < this.#roomHint) this.#roomHint = segment;
    if (this.#live[segment] === 0) this.#drop(segment);
  }

  /** Gives everything back. */
  clear(): void {
    this.#segments.length = 0;
    this.#live.length = 0;
    this.#used.length = 0;
    this.#free.length = 0;
    this.#roomHint = 0;
    this.#allocated = 0;
    this.#empty = 0;
    this.#size = 0;
  }

  #segmentWithRoom(): number {
    while (this.#roomHint < this.#segments.length) {
      const segment = this.#roomHint;
      if (this.#segments[segment] !== NO_SEGMENT && this.#live[segment]! <= this.#mask) {
        return segment;
      }
      this.#roomHint += 1;
    }
    return this.#newSegment();
  }

  #newSegment(): number {
    const gap = this.#segments.indexOf(NO_SEGMENT);
    const segment = gap < 0 ? this.#segments.length : gap;
    this.#segments[segment] = new Uint32Array(SLOT_WORDS * (this.#mask + 1));
    this.#live[segment] = 0;
    this.#used[segment] = 0;
    this.#free[segment] = 0;
    this.#roomHint = segment;
    this.#allocated += 1;
    this.#empty += 1;
    return segment;
  }

  #drop(segment: number): void {
    this.#empty += 1;
    if (this.#empty < 2) return;
    this.#segments[segment] = NO_SEGMENT;
    this.#used[segment] = 0;
    this.#empty -= 1;
    this.#allocated -= 1;
    while (this.#segments.at(-1) === NO_SEGMENT) this.#segments.pop();
  }
}
