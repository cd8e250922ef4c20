import type { Entry, Index, Term } from '../core/types.ts';
import type { AppendBatch, BootstrapMembers, LogStore, RestoredState } from '../ports.ts';

/** Whether the batch that fails is durable all the same: a caller cannot tell. */
export type AppendFault = 'before-durable' | 'after-durable';

/**
 * A log store that fails when it is told to, over another one that does the work: for tests of what a program does when the
 * disk of its member fails. Fail-stop, as every log store: after the first error nothing reaches the inner one.
 */
export class FaultyLogStore implements LogStore {
  readonly #inner: LogStore;
  #next: AppendFault | null = null;
  #failure: Error | null = null;

  constructor(inner: LogStore) {
    this.#inner = inner;
  }

  /** The next append fails. */
  failNext(fault: AppendFault): void {
    this.#next = fault;
  }

  open(): Promise<RestoredState> {
    return this.#inner.open();
  }

  noteBootstrap(members: BootstrapMembers): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return this.#inner.noteBootstrap(members);
  }

  append(batch: AppendBatch, done: (error: Error | null) => void): void {
    const fault = this.#next;
    this.#next = null;
    if (fault === 'before-durable') this.#failure ??= new Error('an append was made to fail');
    const failure = this.#failure;
    if (failure !== null) queueMicrotask(() => done(failure));
    else {
      this.#inner.append(batch, (error) => {
        if (fault === 'after-durable') this.#failure ??= new Error('an answer was made to fail');
        this.#failure ??= error;
        done(this.#failure);
      });
    }
  }

  term(index: Index): Term | undefined {
    return this.#inner.term(index);
  }

  entries(from: Index, to: Index, bytesMax: number): readonly Entry[] {
    if (this.#failure !== null) throw this.#failure;
    return this.#inner.entries(from, to, bytesMax);
  }

  compact(index: Index): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return this.#inner.compact(index);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
