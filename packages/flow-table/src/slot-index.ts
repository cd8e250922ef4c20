const CAPACITY_MIN = 1024;
const LOAD_MAX = 0.7;
const LOAD_MIN = 0.15;
/** Places moved per change while the index is being resized: enough that the old table is empty long before the next resize. */
const STEP_PLACES = 16;

/** What the index asks of its owner. */
export interface SlotIndexOwner {
  /** The hash under which a slot was inserted, unsigned. */
  hashOf(slot: number): number;
  /** Whether a slot is the one looked for. */
  matches(slot: number): boolean;
}

/**
 * Open addressing over slot numbers (4 bytes a place, linear probing, deletion by shifting back). The hashes live with
 * the slots. It is resized by moving a few clusters with each change, so that no change pauses for all of them; meanwhile
 * two tables are looked up. Several slots may have the same hash, and be equal to the owner.
 */
export class SlotIndex {
  readonly #owner: SlotIndexOwner;
  readonly #capacityMin: number;
  #table: Uint32Array;
  #mask: number;
  #old: Uint32Array | null = null;
  #oldMask = 0;
  /** Next place of the old table to move, and how many are left. */
  #oldPlace = 0;
  #oldLeft = 0;
  #size = 0;

  constructor(owner: SlotIndexOwner, slotsExpected: number) {
    this.#owner = owner;
    let capacity = CAPACITY_MIN;
    while (capacity * LOAD_MAX < slotsExpected) capacity *= 2;
    this.#capacityMin = capacity;
    this.#table = new Uint32Array(capacity);
    this.#mask = capacity - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the tables. */
  get byteLength(): number {
    return this.#table.byteLength + (this.#old?.byteLength ?? 0);
  }

  /** The first slot with the hash that the owner says matches, or -1. */
  find(hash: number): number {
    const slot = this.#probe(this.#table, this.#mask, hash);
    if (slot >= 0 || !this.#old) return slot;
    return this.#probe(this.#old, this.#oldMask, hash);
  }

  insert(hash: number, slot: number): void {
    if (this.#old) this.#move();
    if (this.#size + 1 > LOAD_MAX * (this.#mask + 1)) this.#resize(2 * (this.#mask + 1));
    place(this.#table, this.#mask, hash, slot + 1);
    this.#size += 1;
  }

  /** Removes a slot that was inserted under the hash. */
  remove(hash: number, slot: number): void {
    if (!this.#delete(this.#table, this.#mask, hash, slot) && this.#old) {
      this.#delete(this.#old, this.#oldMask, hash, slot);
    }
    this.#size -= 1;
    if (this.#old) this.#move();
    const capacity = this.#mask + 1;
    if (capacity > this.#capacityMin && this.#size < LOAD_MIN * capacity && !this.#old) {
      this.#resize(capacity / 2);
    }
  }

  clear(): void {
    this.#table = new Uint32Array(this.#capacityMin);
    this.#mask = this.#capacityMin - 1;
    this.#old = null;
    this.#size = 0;
  }

  #probe(table: Uint32Array, mask: number, hash: number): number {
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = table[at]!;
      if (entry === 0) return -1;
      if (this.#owner.hashOf(entry - 1) === hash && this.#owner.matches(entry - 1)) {
        return entry - 1;
      }
    }
  }

  #delete(table: Uint32Array, mask: number, hash: number, slot: number): boolean {
    let hole = hash & mask;
    for (; table[hole] !== slot + 1; hole = (hole + 1) & mask) if (table[hole] === 0) return false;
    for (let at = (hole + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
      const home = this.#owner.hashOf(table[at]! - 1) & mask;
      // An entry may fill the hole unless that puts it before its home.
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      table[hole] = table[at]!;
      hole = at;
    }
    table[hole] = 0;
    return true;
  }

  #resize(capacity: number): void {
    while (this.#old) this.#move();
    this.#old = this.#table;
    this.#oldMask = this.#mask;
    this.#oldPlace = this.#old.indexOf(0);
    this.#oldLeft = this.#old.length;
    this.#table = new Uint32Array(capacity);
    this.#mask = capacity - 1;
  }

  /** Moves whole clusters, since a probe of the old table must not meet a gap in one. */
  #move(): void {
    const old = this.#old!;
    for (let moved = 0; this.#oldLeft > 0; moved += 1) {
      const entry = old[this.#oldPlace]!;
      if (entry === 0 && moved >= STEP_PLACES) return;
      if (entry !== 0) {
        old[this.#oldPlace] = 0;
        place(this.#table, this.#mask, this.#owner.hashOf(entry - 1), entry);
      }
      this.#oldPlace = (this.#oldPlace + 1) & this.#oldMask;
      this.#oldLeft -= 1;
    }
    this.#old = null;
  }
}

function place(table: Uint32Array, mask: number, hash: number, entry: number): void {
  let at = hash & mask;
  while (table[at] !== 0) at = (at + 1) & mask;
  table[at] = entry;
}
