import type { FlowKeyProbe } from './flow-key-probe.ts';

/** What is known of the NEW event of a flow that is not replicated yet. */
export const Newborn = { unknown: 0, plain: 1, special: 2 } as const;

/**
 * Remembers, by key hash, the flows whose NEW event was seen but which were not admitted yet (rule K4). `special` ones
 * carried a master, labels or a helper, which later events lack; a flow that is not remembered may have as well. Two
 * generations of fixed size: under a flood of new flows the oldest are forgotten, which costs a look-up and no flow.
 */
export class NewbornMemory {
  readonly #mask: number;
  #young: Uint32Array;
  #old: Uint32Array;
  #count = 0;

  /** @param capacity Flows remembered in one generation, a power of two. */
  constructor(capacity: number) {
    this.#mask = capacity * 2 - 1;
    this.#young = new Uint32Array(capacity * 2);
    this.#old = new Uint32Array(capacity * 2);
  }

  remember(probe: FlowKeyProbe, newborn: number): void {
    if (this.#count * 4 > this.#mask * 3) this.#rotate();
    this.#count += put(this.#young, this.#mask, tagged(probe, newborn));
  }

  clear(): void {
    this.#young.fill(0);
    this.#old.fill(0);
    this.#count = 0;
  }

  recall(probe: FlowKeyProbe): number {
    const young = get(this.#young, this.#mask, probe);
    return young === Newborn.unknown ? get(this.#old, this.#mask, probe) : young;
  }

  #rotate(): void {
    const oldest = this.#old;
    this.#old = this.#young;
    this.#young = oldest.fill(0);
    this.#count = 0;
  }
}

// The two low bits of a stored word say what is known, the others are the key's hash; 0 is a free place.
function tagged(probe: FlowKeyProbe, newborn: number): number {
  return ((probe.hash & ~3) | newborn) >>> 0;
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
  return Newborn.unknown;
}
