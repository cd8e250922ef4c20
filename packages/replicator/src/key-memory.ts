import type { FlowKeyProbe } from './flow-key-probe.ts';

/**
 * Remembers one of three notes (1 to 3) for each of many flow keys, by their hashes: two generations of fixed size. When
 * the young one is full, or on demand, the old one is forgotten. Keys of equal hash share a note, so whoever reads one
 * makes sure.
 */
export class KeyMemory {
  readonly #mask: number;
  #young: Uint32Array;
  #old: Uint32Array;
  #count = 0;

  /** @param capacity Keys remembered in one generation, a power of two. */
  constructor(capacity: number) {
    this.#mask = capacity * 2 - 1;
    this.#young = new Uint32Array(capacity * 2);
    this.#old = new Uint32Array(capacity * 2);
  }

  remember(probe: FlowKeyProbe, note: number): void {
    if (this.#count * 4 > this.#mask * 3) this.rotate();
    this.#count += put(this.#young, this.#mask, noted(probe, note));
  }

  /** The note, or 0. */
  recall(probe: FlowKeyProbe): number {
    return get(this.#young, this.#mask, probe) || get(this.#old, this.#mask, probe);
  }

  /** Begins a generation, and forgets the one before the last. */
  rotate(): void {
    const oldest = this.#old;
    this.#old = this.#young;
    this.#young = oldest.fill(0);
    this.#count = 0;
  }

  clear(): void {
    this.#young.fill(0);
    this.#old.fill(0);
    this.#count = 0;
  }
}

// The two low bits of a stored word are the note, the others the key's hash; 0 is a free place.
function noted(probe: FlowKeyProbe, note: number): number {
  return ((probe.hash & ~3) | note) >>> 0;
}

function put(words: Uint32Array, mask: number, word: number): number {
  let place = (word >>> 2) & mask;
  while (words[place] !== 0) {
    if (((words[place]! ^ word) & ~3) === 0) {
      words[place] = word;
      return 0;
    }
    place = (place + 1) & mask;
  }
  words[place] = word;
  return 1;
}

function get(words: Uint32Array, mask: number, probe: FlowKeyProbe): number {
  let place = (probe.hash >>> 2) & mask;
  for (; words[place] !== 0; place = (place + 1) & mask) {
    if (((words[place]! ^ probe.hash) & ~3) === 0) return words[place]! & 3;
  }
  return 0;
}
