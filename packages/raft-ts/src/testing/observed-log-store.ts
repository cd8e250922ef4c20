import type { Entry, HardState, Index, Term } from '../core/types.ts';
import type { AppendBatch, BootstrapMembers, LogStore, RestoredState } from '../ports.ts';

export interface LogObserver {
  /** A batch was handed to the store. */
  readonly onAppend: (batch: AppendBatch) => void;
  /** A batch became durable; `before` was the durable term and vote. */
  readonly onDurable: (batch: AppendBatch, before: HardState) => void;
  /** Wraps what the store's answer starts; without effect once this life of the member is over. */
  readonly alive: (callback: () => void) => () => void;
}

/** A log store of one life of a member that tells what passes through, and knows what it has called durable. */
export class ObservedLogStore implements LogStore {
  readonly #inner: LogStore;
  readonly #observer: LogObserver;
  #hardState: HardState;
  #lastIndex: Index;
  #isOver = false;

  constructor(inner: LogStore, restored: RestoredState, observer: LogObserver) {
    this.#inner = inner;
    this.#observer = observer;
    this.#hardState = restored.hardState;
    this.#lastIndex = restored.lastIndex;
  }

  /** As far as the store has answered. */
  get hardState(): HardState {
    return this.#hardState;
  }

  /** As far as the store has answered. */
  get lastIndex(): Index {
    return this.#lastIndex;
  }

  /** The process is gone: what still runs of it in promises reaches the log no more. */
  end(): void {
    this.#isOver = true;
  }

  open(): Promise<RestoredState> {
    return this.#inner.open();
  }

  noteBootstrap(members: BootstrapMembers): Promise<void> {
    return this.#inner.noteBootstrap(members);
  }

  append(batch: AppendBatch, done: (error: Error | null) => void): void {
    if (this.#isOver) return;
    this.#observer.onAppend(batch);
    // What is about to be cut no longer counts.
    if (batch.reset !== null) this.#lastIndex = 0;
    if (batch.truncateFrom !== null) {
      this.#lastIndex = Math.min(this.#lastIndex, batch.truncateFrom - 1);
    }
    let failure: Error | null = null;
    const answer = this.#observer.alive(() => {
      if (failure === null) this.#onDurable(batch);
      done(failure);
    });
    this.#inner.append(batch, (error) => {
      failure = error;
      answer();
    });
  }

  term(index: Index): Term | undefined {
    return this.#inner.term(index);
  }

  entries(from: Index, to: Index, bytesMax: number): readonly Entry[] {
    return this.#inner.entries(from, to, bytesMax);
  }

  compact(index: Index): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return this.#inner.compact(index);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #onDurable(batch: AppendBatch): void {
    const before = this.#hardState;
    this.#lastIndex = batch.entries.at(-1)?.index ?? batch.reset?.index ?? this.#lastIndex;
    this.#hardState = batch.hardState ?? before;
    this.#observer.onDurable(batch, before);
  }
}
