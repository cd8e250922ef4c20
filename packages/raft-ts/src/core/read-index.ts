import type { Index } from './types.ts';

/** Outcome of a `readIndex`; a null index means that it failed and must be asked again. */
export interface ReadState {
  readonly id: number;
  readonly index: Index | null;
}

interface Round {
  readonly round: number;
  readonly index: Index;
  readonly ids: readonly number[];
}

/**
 * ReadIndex (dissertation, section 6.4). Reads gather, then one numbered round of heartbeats serves them all; an answer
 * confirms the rounds up to its number and no later one. Numbers are not reused within a term.
 */
export class ReadIndexQueue {
  #gathering: number[] = [];
  #rounds: Round[] = [];
  #newest = 0;

  /** Number that heartbeats carry. */
  get newestRound(): number {
    return this.#newest;
  }

  get hasGathered(): boolean {
    return this.#gathering.length > 0;
  }

  /** A round that no read waits for, which confirms leadership all the same. */
  skipRound(): void {
    this.#newest++;
  }

  add(id: number): void {
    this.#gathering.push(id);
  }

  /** All gathered reads will see at least `commit`, once this round is confirmed. */
  startRound(commit: Index): void {
    this.#newest++;
    this.#rounds.push({ round: this.#newest, index: commit, ids: this.#gathering });
    this.#gathering = [];
  }

  /** A quorum has answered rounds up to `round`. */
  confirm(round: number): ReadState[] {
    const confirmed: ReadState[] = [];
    while (this.#rounds.length > 0 && this.#rounds[0]!.round <= round) {
      const { ids, index } = this.#rounds.shift()!;
      for (const id of ids) confirmed.push({ id, index });
    }
    return confirmed;
  }

  /** Leadership is lost: nothing that waits can be confirmed any more. */
  failAll(): ReadState[] {
    const ids = [...this.#rounds.flatMap((round) => round.ids), ...this.#gathering];
    this.#rounds = [];
    this.#gathering = [];
    return ids.map((id) => ({ id, index: null }));
  }
}
