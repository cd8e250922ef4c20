import type { SnapshotMeta } from '../core/types.ts';
import type { Done, SnapshotWriter } from '../ports.ts';
import { diskStep, respondDone } from './disk-step.ts';
import { SnapshotMismatchError, StorageUsageError } from './errors.ts';
import { dataSyncAsync } from './file-system.ts';
import { ChunkAppender, type ChunksRead } from './snapshot-chunks.ts';
import type { StoredSnapshot } from './snapshot-directory.ts';

/** How receiving ended. */
export type ReceivingEnd =
  /** It was whole, and `onComplete` has dealt with it. */
  | 'handed-over'
  /** What is there can be gone on from. */
  | 'interrupted'
  /** A step on the disk failed or the content is wrong: what is there is worth nothing. */
  | 'failed';

/** What a writer needs of the store. */
export interface SnapshotWriterEvents {
  /** The content is whole, right and synced: makes it the current snapshot. */
  onComplete(): Promise<void>;
  /** Called once, when nothing of the writer is under way any more. */
  onEnd(end: ReceivingEnd): void;
}

/** A snapshot of which nothing is missing: the sender has only not heard that it is current. */
export class HeldSnapshot implements SnapshotWriter {
  readonly meta: SnapshotMeta;

  constructor(meta: SnapshotMeta) {
    this.meta = meta;
  }

  get offset(): number {
    return this.meta.bytes;
  }

  write(_chunk: Uint8Array, done: Done): void {
    process.nextTick(done, new RangeError('the snapshot is complete'));
  }

  finish(done: Done): void {
    process.nextTick(done, null);
  }

  close(): void {}
}

/** Receives the content of a snapshot; the first error is final. */
export class FileSnapshotWriter implements SnapshotWriter {
  readonly #target: StoredSnapshot;
  readonly #events: SnapshotWriterEvents;
  readonly #appender: ChunkAppender;
  #isBusy = false;
  #isClosed = false;
  #isHandedOver = false;
  #end: ReceivingEnd | null = null;

  /** @param held What an earlier writer left, behind which this one goes on; null for a new file. */
  constructor(target: StoredSnapshot, held: ChunksRead | null, events: SnapshotWriterEvents) {
    this.#target = target;
    this.#events = events;
    this.#appender = new ChunkAppender(target.source, held);
  }

  get meta(): SnapshotMeta {
    return this.#target.meta;
  }

  get offset(): number {
    return this.#appender.bytes;
  }

  /** Nothing more will be written. */
  get isEnded(): boolean {
    return this.#isClosed || this.#end !== null;
  }

  /** Answers with a `StorageFailedError` when the disk refuses: nothing of the snapshot is kept then. */
  write(chunk: Uint8Array, done: Done): void {
    this.#do(() => this.#write(chunk), done);
  }

  /** Answers with a `SnapshotMismatchError` when the content is not what `meta` names: nothing of it is kept then. */
  finish(done: Done): void {
    this.#do(() => this.#finish(), done);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isBusy && this.#end === null) this.#interrupt();
  }

  #do(step: () => Promise<void>, done: Done): void {
    const { path } = this.#target.source;
    if (this.#isBusy || this.isEnded) {
      const problem = this.#isBusy ? 'is busy' : 'has ended';
      process.nextTick(done, new StorageUsageError(path, `the snapshot writer ${problem}`));
      return;
    }
    this.#isBusy = true;
    respondDone(this.#guarded(step), (error) => {
      this.#isBusy = false;
      if (this.#isClosed && this.#end === null) this.#interrupt();
      else if (!this.#isClosed) done(error);
    });
  }

  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#conclude(this.#isHandedOver ? 'handed-over' : 'failed');
      throw error;
    }
  }

  async #write(chunk: Uint8Array): Promise<void> {
    const { bytes } = this.meta;
    if (this.offset + chunk.length > bytes) {
      const excess = `${chunk.length} bytes at ${this.offset}`;
      throw new StorageUsageError(this.#target.source.path, `${excess} are beyond ${bytes}`);
    }
    await this.#appender.append(chunk);
  }

  async #finish(): Promise<void> {
    const { source, meta } = this.#target;
    if (this.offset !== meta.bytes) {
      const progress = `${this.offset} of ${meta.bytes} bytes are there`;
      throw new StorageUsageError(source.path, `the snapshot is not complete: ${progress}`);
    }
    await this.#appender.flush();
    const digest = this.#appender.digest();
    if (digest !== meta.digest) throw new SnapshotMismatchError(source.path, meta.digest, digest);
    await diskStep(source.path, 'a received snapshot could not be synced', () =>
      dataSyncAsync(source.fileSystem, source.file),
    );
    this.#isHandedOver = true;
    await this.#events.onComplete();
    this.#conclude('handed-over');
  }

  /** The tail is written too: whoever goes on finds all that was received. */
  #interrupt(): void {
    this.#isBusy = true;
    this.#appender.flush().then(
      () => this.#conclude('interrupted'),
      () => this.#conclude('failed'),
    );
  }

  #conclude(end: ReceivingEnd): void {
    this.#end = end;
    this.#events.onEnd(end);
  }
}
