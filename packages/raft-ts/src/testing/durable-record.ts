import type { HardState, Index, NodeId, Term } from '../core/types.ts';
import type { AppendBatch, LogReader, RestoredState } from '../ports.ts';
import { InvariantError } from './invariants.ts';

/** What a member's storage has called durable over all its lives, to hold against what it gives back at a start. */
export class DurableRecord {
  readonly #id: NodeId;
  /** Term by index. */
  #terms: Term[] = [];
  #hardState: HardState = { term: 0, votedFor: null };
  #isTorn = false;
  /** A batch that lifts the torn mark was handed over. */
  #isBeingLifted = false;

  constructor(id: NodeId) {
    this.#id = id;
  }

  get lastIndex(): Index {
    return Math.max(0, this.#terms.length - 1);
  }

  /** A torn group was cut, and no leader has brought the member level since. */
  get isTorn(): boolean {
    return this.#isTorn;
  }

  term(index: Index): Term | undefined {
    return this.#terms[index];
  }

  /** A batch is handed over: what it cuts may be gone from now on, what it adds is not sure yet. */
  handedOver({ reset, truncateFrom, clearTorn }: AppendBatch): void {
    if (clearTorn) this.#isBeingLifted = true;
    if (reset !== null) this.#terms.length = 0;
    if (truncateFrom !== null && truncateFrom < this.#terms.length) {
      this.#terms.length = truncateFrom;
    }
  }

  stored({ reset, entries, hardState, clearTorn }: AppendBatch): void {
    if (reset !== null) this.#terms[reset.index] = reset.term;
    for (const { index, term } of entries) this.#terms[index] = term;
    if (hardState !== null) this.#hardState = hardState;
    if (clearTorn) this.#isTorn = false;
  }

  /** Everything is gone. */
  wiped(): void {
    this.#terms.length = 0;
    this.#hardState = { term: 0, votedFor: null };
    this.#isTorn = false;
  }

  /** A fault tore the newest `count` entries. */
  torn(count: number): void {
    this.#terms.length = Math.max(0, this.#terms.length - count);
    this.#isTorn = true;
    this.#isBeingLifted = false;
  }

  /** @throws {InvariantError} If the storage opened with less than it had called durable. */
  checkOpened(restored: RestoredState, log: LogReader): void {
    const { term, votedFor } = restored.hardState;
    const isVoteKept = votedFor === this.#hardState.votedFor || this.#hardState.votedFor === null;
    const isKept = term > this.#hardState.term || (term === this.#hardState.term && isVoteKept);
    if (!isKept) throw new InvariantError(`${this.#id} forgot its durable term or vote`);
    if (this.#isTorn && !restored.tornLog && !this.#isBeingLifted) {
      throw new InvariantError(`${this.#id} lost a torn group and does not know`);
    }
    for (let index: Index = restored.compacted.index + 1; index < this.#terms.length; index++) {
      if (log.term(index) === this.#terms[index]) continue;
      throw new InvariantError(`${this.#id} forgot its durable entry ${index}`);
    }
    this.#hardState = restored.hardState;
    this.#isTorn = restored.tornLog;
    this.#isBeingLifted = false;
    this.#terms.length = 0;
    for (let index = restored.compacted.index; index <= restored.lastIndex; index++) {
      this.#terms[index] = log.term(index)!;
    }
  }
}
