import type { Index, Term } from '../core/types.ts';

const capacityMin = 256;

/** Where the entries of one segment lie and what their terms are: 8 bytes an entry, no object an entry. */
export class EntryIndex {
  readonly firstIndex: Index;
  #count = 0;
  #offsets = new Uint32Array(capacityMin);
  #seeds = new Uint32Array(capacityMin);
  /** Terms change rarely: one element for each run of entries of one term. */
  readonly #runFirst: Index[] = [];
  readonly #runTerm: Term[] = [];

  constructor(firstIndex: Index) {
    this.firstIndex = firstIndex;
  }

  get count(): number {
    return this.#count;
  }

  get lastIndex(): Index {
    return this.firstIndex + this.#count - 1;
  }

  /** Notes the next entry: where its record begins and the CRC of the record before it. */
  push(offset: number, seed: number, term: Term): void {
    if (this.#count === this.#offsets.length) this.#grow();
    this.#offsets[this.#count] = offset;
    this.#seeds[this.#count] = seed;
    if (this.#runTerm.at(-1) !== term) {
      this.#runFirst.push(this.firstIndex + this.#count);
      this.#runTerm.push(term);
    }
    this.#count += 1;
  }

  /** Forgets `from` and everything after it. */
  truncate(from: Index): void {
    this.#count = Math.max(0, from - this.firstIndex);
    while (this.#runFirst.length > 0 && this.#runFirst.at(-1)! >= from) {
      this.#runFirst.pop();
      this.#runTerm.pop();
    }
  }

  offset(index: Index): number {
    return this.#offsets[index - this.firstIndex]!;
  }

  seed(index: Index): number {
    return this.#seeds[index - this.firstIndex]!;
  }

  /** Term of an entry that is here. */
  term(index: Index): Term {
    let run = this.#runFirst.length - 1;
    if (this.#runFirst[run]! <= index) return this.#runTerm[run]!;
    let low = 0;
    while (low < run) {
      const middle = Math.ceil((low + run) / 2);
      if (this.#runFirst[middle]! <= index) low = middle;
      else run = middle - 1;
    }
    return this.#runTerm[low]!;
  }

  #grow(): void {
    const offsets = new Uint32Array(this.#offsets.length * 2);
    const seeds = new Uint32Array(offsets.length);
    offsets.set(this.#offsets);
    seeds.set(this.#seeds);
    this.#offsets = offsets;
    this.#seeds = seeds;
  }
}
