import type { Entry, Index, Term } from '../core/types.ts';
import { ProposalDroppedError, ProposalUnknownError, type RaftError } from '../errors.ts';

/** An applied proposal: where it stands in the log and what the state machine answered. */
export interface Applied<R> {
  readonly index: Index;
  readonly term: Term;
  readonly result: R;
}

/** Takes the outcome of one proposal, once. */
export interface Settler<R> {
  resolve(applied: Applied<R>): void;
  reject(error: RaftError): void;
}

interface Waiter<R> {
  readonly term: Term;
  readonly deadlineMs: number;
  readonly settler: Settler<R>;
}

/** Results of the newest applied entries, for a leader's answer that comes later than the entry. */
const recentMax = 8192;

/** Proposals with a position in the log, until that position is applied and so decided. */
export class ProposalTable<R> {
  readonly #waiters = new Map<Index, Waiter<R>>();
  readonly #recent = new Map<Index, Applied<R>>();
  #applied: Index;

  constructor(appliedIndex: Index) {
    this.#applied = appliedIndex;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** The proposal stands at `index`, if anywhere. */
  add(index: Index, term: Term, deadlineMs: number, settler: Settler<R>): void {
    if (index <= this.#applied) {
      this.#decideLate(index, term, settler);
      return;
    }
    // An older proposal that stood here was overwritten, yet might still win elsewhere.
    const older = this.#waiters.get(index);
    if (older !== undefined) {
      this.#waiters.delete(index);
      older.settler.reject(new ProposalUnknownError('overwritten'));
    }
    this.#waiters.set(index, { term, deadlineMs, settler });
  }

  /** Entries were applied, with their results in the same order; `isRemembering` while answers of a leader are awaited. */
  settle(
    entries: readonly Entry[],
    results: readonly (R | undefined)[],
    isRemembering: boolean,
  ): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    this.#applied = last.index;
    if (!isRemembering) this.#recent.clear();
    if (this.#waiters.size === 0 && !isRemembering) return;
    for (let i = 0; i < entries.length; i++) {
      const { index, term } = entries[i]!;
      const applied = { index, term, result: results[i] as R };
      if (isRemembering) this.#remember(applied);
      const waiter = this.#waiters.get(index);
      if (waiter === undefined) continue;
      this.#waiters.delete(index);
      this.#decide(waiter.term, waiter.settler, applied);
    }
  }

  /** A snapshot took the place of everything up to `index`: what it says of the proposals there, nobody knows. */
  skipTo(index: Index): void {
    this.#applied = Math.max(this.#applied, index);
    for (const [at, waiter] of this.#waiters) {
      if (at > index) continue;
      this.#waiters.delete(at);
      waiter.settler.reject(new ProposalUnknownError('a snapshot took its place'));
    }
  }

  /** Rejects what is overdue; returns how many. */
  expire(nowMs: number): number {
    let count = 0;
    for (const [index, waiter] of this.#waiters) {
      if (waiter.deadlineMs > nowMs) break;
      this.#waiters.delete(index);
      waiter.settler.reject(new ProposalUnknownError('not decided in time'));
      count++;
    }
    return count;
  }

  failAll(reason: string): void {
    for (const waiter of this.#waiters.values()) {
      waiter.settler.reject(new ProposalUnknownError(reason));
    }
    this.#waiters.clear();
    this.#recent.clear();
  }

  #decide(term: Term, settler: Settler<R>, applied: Applied<R>): void {
    if (applied.term === term) settler.resolve(applied);
    else settler.reject(new ProposalDroppedError('another leader wrote at its place'));
  }

  #decideLate(index: Index, term: Term, settler: Settler<R>): void {
    const applied = this.#recent.get(index);
    if (applied !== undefined) this.#decide(term, settler, applied);
    else settler.reject(new ProposalUnknownError('applied before its position was known'));
  }

  #remember(applied: Applied<R>): void {
    this.#recent.set(applied.index, applied);
    if (this.#recent.size <= recentMax) return;
    const oldest = this.#recent.keys().next();
    if (!oldest.done) this.#recent.delete(oldest.value);
  }
}
