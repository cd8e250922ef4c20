import { assert } from '../core/assert.ts';
import type { SnapshotMessage } from '../core/message.ts';
import type { SnapshotMeta } from '../core/types.ts';
import { SnapshotUnavailableError } from '../errors.ts';
import type { Done, SnapshotReader, SnapshotWriter } from '../ports.ts';
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

function fail(cause: unknown): never {
  throw new StateMachineFailure('the state machine did not take up a snapshot', { cause });
}

/** Snapshots that other members send: into the store, then the log is reset, then the state machine replaced (rule T5). */
export class SnapshotIntake {
  readonly #context: SnapshotContext;
  #writer: SnapshotWriter | null = null;
  #offers = 0;

  constructor(context: SnapshotContext) {
    this.#context = context;
  }

  /** A member offers a snapshot; one is received at a time, and the newest offer counts. */
  offered(message: SnapshotMessage, answer: Answer): void {
    const { core, store, turn } = this.#context;
    const { meta, term } = message;
    if (term < core.state.term) {
      answer(new SnapshotUnavailableError(`the offer is of term ${term}, which is over`));
      return;
    }
    const offer = ++this.#offers;
    this.#writer?.close();
    this.#writer = null;
    if (core.holds(meta)) {
      // It is no news, but the leader has to learn how far the log is here.
      turn(() => core.step(message));
      answer(null);
      return;
    }
    store.receive(meta, (result) => {
      if (result instanceof Error) answer(result);
      else if (offer !== this.#offers) {
        result.close();
        answer(new SnapshotUnavailableError('a newer offer came'));
      } else {
        this.#writer = new ArrivingSnapshot(result, () => turn(() => core.step(message)));
        answer(this.#writer);
      }
    });
  }

  /** Replaces the state by this snapshot, which is durable. */
  restore(meta: SnapshotMeta): void {
    const { store, turn } = this.#context;
    const reader = store.pin();
    assert(reader?.meta.lastIndex === meta.lastIndex, 'another snapshot is current than due');
    const restoring = this.#beginRestore(meta, reader);
    if (restoring === undefined) this.#restored(meta, reader);
    else {
      restoring.then(
        () => turn(() => this.#restored(meta, reader)),
        (cause: unknown) => turn(() => fail(cause)),
      );
    }
  }

  close(): void {
    this.#offers++;
    this.#writer?.close();
    this.#writer = null;
  }

  #beginRestore(meta: SnapshotMeta, reader: SnapshotReader): PromiseLike<void> | void {
    try {
      return this.#context.stateMachine.restore(meta, reader.content());
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
