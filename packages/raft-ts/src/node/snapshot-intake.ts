import { assert } from '../core/assert.ts';
import type { SnapshotMessage } from '../core/message.ts';
import type { SnapshotMeta } from '../core/types.ts';
import { SnapshotUnavailableError } from '../errors.ts';
import type { Done, SnapshotContent, SnapshotReader, SnapshotWriter } from '../ports.ts';
import { StateMachineFailure } from './member-failure.ts';
import type { SnapshotContext } from './snapshot-context.ts';

type Answer = (result: SnapshotWriter | null | Error) => void;

/** A writer whose `finish` tells the core before it answers. */
class ArrivingSnapshot implements SnapshotWriter {
  readonly #writer: SnapshotWriter;
  readonly #onArrived: () => void;

  constructor(writer: SnapshotWriter, onArrived: () => void) {
    this.#writer = writer;
    this.#onArrived = onArrived;
  }

  get meta(): SnapshotMeta {
    return this.#writer.meta;
  }

  get offset(): number {
    return this.#writer.offset;
  }

  write(chunk: Uint8Array, done: Done): void {
    this.#writer.write(chunk, done);
  }

  finish(done: Done): void {
    this.#writer.finish((error) => {
      if (error === null) this.#onArrived();
      done(error);
    });
  }

  close(): void {
    this.#writer.close();
  }
}

/** Remembers what the disk did wrong, so that the state machine is not blamed for it. */
class WatchedContent {
  readonly content: SnapshotContent;
  error: unknown = null;

  constructor(content: SnapshotContent) {
    this.content = Symbol.iterator in content ? this.#watch(content) : this.#watchAsync(content);
  }

  *#watch(content: Iterable<Uint8Array>): Iterable<Uint8Array> {
    try {
      yield* content;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }

  async *#watchAsync(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    try {
      yield* content;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }
}

/** Snapshots that other members send: into the store, then the log is reset, then the state machine replaced (rule T5). */
export class SnapshotIntake {
  readonly #context: SnapshotContext;
  #writer: SnapshotWriter | null = null;
  #offers = 0;
  #isClosed = false;
  /** The one to restore when the log has been reset, whatever becomes current until then. */
  #pinned: SnapshotReader | null = null;

  constructor(context: SnapshotContext) {
    this.#context = context;
    this.#pinDue();
  }

  /** A member offers a snapshot; one is received at a time, and the newest offer counts. */
  offered(message: SnapshotMessage, answer: Answer): void {
    const { core, store, turn } = this.#context;
    const { meta, term } = message;
    if (this.#isClosed) {
      answer(new SnapshotUnavailableError('the member has stopped'));
      return;
    }
    if (term < core.state.term) {
      answer(new SnapshotUnavailableError(`the offer is of term ${term}, which is over`));
      return;
    }
    const offer = ++this.#offers;
    this.#writer?.close();
    this.#writer = null;
    if (core.holds(meta)) {
      // It is no news, but the leader has to learn how far the log is here.
      turn(() => this.#arrived(message));
      answer(null);
      return;
    }
    store.receive(meta, (result) => {
      if (result instanceof Error) answer(result);
      else if (offer !== this.#offers) {
        result.close();
        answer(new SnapshotUnavailableError('a newer offer came'));
      } else {
        this.#writer = new ArrivingSnapshot(result, () => turn(() => this.#arrived(message)));
        answer(this.#writer);
      }
    });
  }

  /** Replaces the state by this snapshot, which is durable. */
  restore(meta: SnapshotMeta): void {
    const { turn } = this.#context;
    const reader = this.#pinned;
    assert(reader?.meta.lastIndex === meta.lastIndex, 'another snapshot is pinned than due');
    this.#pinned = null;
    const content = new WatchedContent(reader.content());
    const fail = (cause: unknown): never => {
      if (content.error !== null) throw content.error;
      throw new StateMachineFailure('the state machine did not take up a snapshot', { cause });
    };
    const restoring = this.#beginRestore(meta, content.content, fail);
    if (restoring === undefined) this.#restored(meta, reader);
    else {
      restoring.then(
        () => turn(() => this.#restored(meta, reader)),
        (cause: unknown) => turn(() => fail(cause)),
      );
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#offers++;
    this.#writer?.close();
    this.#writer = null;
    this.#pinned?.close();
    this.#pinned = null;
  }

  #arrived(message: SnapshotMessage): void {
    this.#context.core.step(message);
    this.#pinDue();
  }

  #pinDue(): void {
    const { core, store } = this.#context;
    const due = core.state.restoreDue;
    if (due === null || this.#pinned?.meta.lastIndex === due.lastIndex) return;
    this.#pinned?.close();
    this.#pinned = store.pin();
  }

  #beginRestore(
    meta: SnapshotMeta,
    content: SnapshotContent,
    fail: (cause: unknown) => never,
  ): PromiseLike<void> | void {
    try {
      return this.#context.stateMachine.restore(meta, content);
    } catch (cause) {
      return fail(cause);
    }
  }

  #restored(meta: SnapshotMeta, reader: SnapshotReader): void {
    const { core, metrics, listener } = this.#context;
    reader.close();
    core.restored(meta);
    metrics?.snapshotsInstalledTotal.inc();
    listener.onRestored(meta);
  }
}
