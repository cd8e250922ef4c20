import { isDeepStrictEqual } from 'node:util';
import { type SnapshotMeta, type SnapshotPosition, snapshotFormatVersion } from '../core/types.ts';
import type { SnapshotContent, SnapshotReader, SnapshotStore, SnapshotWriter } from '../ports.ts';
import { lockDirectory, type Unlock } from './directory-lock.ts';
import { diskStep, respond } from './disk-step.ts';
import {
  type StorageError,
  StorageFailedError,
  StorageFormatError,
  StorageUsageError,
} from './errors.ts';
import { dataSyncAsync, type FileSystem, nodeFileSystem } from './file-system.ts';
import type { SnapshotStoreMetrics } from './metrics.ts';
import { type FileSnapshotOptions, resolveFileSnapshotOptions } from './options.ts';
import {
  ChunkAppender,
  type ChunksRead,
  readChunks,
  type SnapshotFile,
} from './snapshot-chunks.ts';
import {
  type NamedSnapshot,
  SnapshotDirectory,
  type StoredSnapshot,
} from './snapshot-directory.ts';
import { FileSnapshotReader } from './snapshot-reader.ts';
import { FileSnapshotWriter, HeldSnapshot, type ReceivingEnd } from './snapshot-writer.ts';

/** What a `FileSnapshotStore` works with; the defaults are the real ones. */
export interface FileSnapshotDependencies {
  readonly fileSystem: FileSystem;
  readonly metrics: SnapshotStoreMetrics | null;
  /** Keeps other processes from the directory. */
  readonly lockDirectory: (directory: string) => Promise<Unlock>;
}

/** The writer that was opened last. */
interface Receiving {
  readonly writer: FileSnapshotWriter;
  /** Resolves when it has ended and its file is put in order. */
  readonly settled: Promise<void>;
}

/**
 * Snapshots of one member in files (`docs/snapshot-file.md` has the format byte by byte). One is current: the pointer file
 * names it, which is written when everything else is durable, so that after a crash the one before or the new one is
 * (rule T5).
 *
 * A disk that refuses what is being written harms that snapshot alone: its file is removed, and the next one is written into a
 * file of its own. Only an error while one is made current latches the store, since then nobody knows which of two is current on
 * the disk: both stay, and nothing becomes current any more until the store is opened again.
 */
export class FileSnapshotStore implements SnapshotStore {
  readonly #options: FileSnapshotOptions;
  readonly #dependencies: FileSnapshotDependencies;
  readonly #directory: SnapshotDirectory;
  readonly #readers = new Set<FileSnapshotReader>();
  /** No longer current, and still being read. */
  readonly #replaced = new Set<StoredSnapshot>();
  #unlock: Unlock | null = null;
  #current: StoredSnapshot | null = null;
  #partial: NamedSnapshot | null = null;
  #receiving: Receiving | null = null;
  #creating: Promise<SnapshotMeta> | null = null;
  #nextSequence = 1;
  #failure: StorageError | null = null;
  #isClosing = false;
  /** Calls of `receive`, one after the other. */
  #starting: Promise<unknown> = Promise.resolve();
  /** Changes of the directory, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #onUnpinned: () => void = () => undefined;

  /** @throws {InvalidOptionError} If an option is out of range. */
  constructor(options: FileSnapshotOptions, dependencies: Partial<FileSnapshotDependencies> = {}) {
    this.#options = resolveFileSnapshotOptions(options);
    this.#dependencies = {
      fileSystem: nodeFileSystem,
      metrics: null,
      lockDirectory,
      ...dependencies,
    };
    const { directory, clusterId } = this.#options;
    this.#directory = new SnapshotDirectory(directory, clusterId, this.#dependencies.fileSystem);
  }

  /** The error that latched the store, or null. */
  get failure(): StorageError | null {
    return this.#failure;
  }

  get current(): SnapshotMeta | null {
    return this.#current?.meta ?? null;
  }

  /**
   * @throws {StorageLockedError} If the directory is open elsewhere.
   * @throws {StorageCorruptionError} If the current snapshot is damaged.
   * @throws {StorageIdentityError} If it is another cluster's.
   * @throws {StorageFormatError} If a newer version wrote it.
   * @throws {StorageFailedError} If the disk refuses.
   */
  async open(): Promise<SnapshotMeta | null> {
    const { directory } = this.#options;
    if (this.#unlock !== null) throw new StorageUsageError(directory, 'the store is open already');
    await diskStep(directory, 'the snapshots could not be opened', async () => {
      await this.#dependencies.fileSystem.makeDirectory(directory);
      const unlock = await this.#dependencies.lockDirectory(directory);
      try {
        const { current, partial, nextSequence } = await this.#directory.open();
        this.#current = current;
        this.#partial = partial;
        this.#nextSequence = nextSequence;
      } catch (error) {
        await unlock();
        throw error;
      }
      this.#unlock = unlock;
    });
    this.#report();
    return this.current;
  }

  /** @throws {StorageUsageError} If the store is not open, or another `create` is under way. */
  create(
    position: SnapshotPosition,
    content: SnapshotContent,
    answer: (result: SnapshotMeta | Error) => void,
  ): void {
    this.#assertOpen();
    if (this.#creating !== null) throw this.#misuse('a snapshot is being made already');
    this.#creating = this.#create(position, content);
    respond(this.#creating, (result) => {
      this.#creating = null;
      answer(result);
    });
  }

  /** @throws {StorageUsageError} If the store is not open. */
  pin(): SnapshotReader | null {
    this.#assertOpen();
    if (this.#current === null) return null;
    const reader = new FileSnapshotReader(this.#current, () => this.#unpin(reader));
    this.#readers.add(reader);
    return reader;
  }

  /** @throws {StorageUsageError} If the store is not open. */
  receive(meta: SnapshotMeta, answer: (result: SnapshotWriter | Error) => void): void {
    this.#assertOpen();
    const started = this.#starting.then(() => this.#receive(meta));
    this.#starting = started.catch(() => undefined);
    respond(started, answer);
  }

  /** Stops what is under way, waits for the step in flight, and gives the directory free. */
  async close(): Promise<void> {
    const unlock = this.#unlock;
    if (unlock === null || this.#isClosing) return;
    this.#isClosing = true;
    await this.#starting;
    this.#receiving?.writer.close();
    await Promise.allSettled([this.#creating, this.#receiving?.settled]);
    for (const reader of this.#readers) reader.close();
    while (this.#readers.size > 0) await this.#unpinned();
    await this.#turn;
    for (const { source } of [this.#current, ...this.#replaced].filter((one) => one !== null)) {
      await source.fileSystem.close(source.file);
    }
    this.#unlock = null;
    await unlock();
  }

  async #create(position: SnapshotPosition, content: SnapshotContent): Promise<SnapshotMeta> {
    const startMs = performance.now();
    const sequence = this.#nextSequence++;
    if (this.#failure !== null) throw this.#failure;
    const source = await diskStep(this.#directory.path, 'a snapshot file could not be made', () =>
      this.#directory.createFile(sequence),
    );
    const meta = await this.#orDiscard({ sequence, source }, () =>
      this.#fill(source, position, content),
    );
    await this.#install({ sequence, meta, source });
    this.#dependencies.metrics?.createSeconds.observe((performance.now() - startMs) / 1000);
    return this.#current!.meta;
  }

  /** The header is written last: before that nobody takes the file for a snapshot. */
  async #fill(
    source: SnapshotFile,
    { lastIndex, lastTerm, config, configIndex }: SnapshotPosition,
    content: SnapshotContent,
  ): Promise<SnapshotMeta> {
    const appender = new ChunkAppender(source, null);
    for await (const part of content) {
      if (this.#isClosing) throw this.#misuse('the store is being closed');
      await appender.append(part);
    }
    await appender.flush();
    const { bytes } = appender;
    const digest = appender.digest();
    const formatVersion = snapshotFormatVersion;
    const position = { lastIndex, lastTerm, config, configIndex };
    const meta = { ...position, bytes, digest, formatVersion };
    await diskStep(source.path, 'a snapshot could not be synced', async () => {
      await this.#directory.writeHeader(source, meta);
      await dataSyncAsync(source.fileSystem, source.file);
    });
    return meta;
  }

  async #receive(meta: SnapshotMeta): Promise<SnapshotWriter> {
    // All of it would be received in vain, and again with each attempt.
    if (this.#failure !== null) throw this.#failure;
    if (meta.formatVersion !== snapshotFormatVersion) {
      throw new StorageFormatError(this.#directory.path, meta.formatVersion, snapshotFormatVersion);
    }
    const before = this.#receiving;
    if (before !== null && !before.writer.isEnded) throw this.#misuse('another writer is open');
    await before?.settled;
    if (this.#isClosing) throw this.#misuse('the store is being closed');
    return diskStep(this.#directory.path, 'a snapshot cannot be received', () =>
      this.#inTurn(() => this.#beginReceiving(meta)),
    );
  }

  async #beginReceiving(meta: SnapshotMeta): Promise<SnapshotWriter> {
    if (isDeepStrictEqual(this.current, meta)) return new HeldSnapshot(meta);
    const partial = this.#partial;
    this.#partial = null;
    if (partial !== null && isDeepStrictEqual(partial.meta, meta)) {
      const source = await this.#directory.openFile(partial.sequence);
      const held = await this.#orDiscard({ ...partial, source }, () =>
        readChunks(source, meta.bytes),
      );
      this.#dependencies.metrics?.resumedBytesTotal.inc(held.bytes + held.tail.length);
      return this.#startWriter({ ...partial, source }, held);
    }
    if (partial !== null) await this.#directory.remove(partial.sequence);
    const sequence = this.#nextSequence++;
    const snapshot = { sequence, meta, source: await this.#directory.createFile(sequence) };
    await this.#orDiscard(snapshot, async () => {
      await this.#directory.writeHeader(snapshot.source, meta);
      await this.#directory.sync();
    });
    return this.#startWriter(snapshot, null);
  }

  #startWriter(snapshot: StoredSnapshot, held: ChunksRead | null): SnapshotWriter {
    let settle: (settling: Promise<void>) => void = () => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const writer = new FileSnapshotWriter(snapshot, held, {
      onComplete: () => this.#install(snapshot),
      onEnd: (end) => settle(this.#putInOrder(snapshot, end)),
    });
    this.#receiving = { writer, settled };
    return writer;
  }

  async #putInOrder({ sequence, meta, source }: StoredSnapshot, end: ReceivingEnd): Promise<void> {
    if (end === 'handed-over') return;
    if (end === 'failed') {
      await this.#discard(sequence, source);
      return;
    }
    this.#partial = { sequence, meta };
    await source.fileSystem.close(source.file).catch(() => undefined);
  }

  /** Makes a snapshot current whose file is synced, unless it is not newer than the current one (B22). */
  #install(snapshot: StoredSnapshot): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#failure !== null) {
        await this.#discard(snapshot.sequence, snapshot.source);
        throw this.#failure;
      }
      const before = this.#current;
      if (before !== null && before.meta.lastIndex >= snapshot.meta.lastIndex) {
        await this.#discard(snapshot.sequence, snapshot.source);
        return;
      }
      await this.#point(snapshot);
      this.#current = snapshot;
      if (before !== null) this.#replaced.add(before);
      this.#report();
      await this.#prune();
    });
  }

  /** Resolves when a reader is gone. */
  #unpinned(): Promise<void> {
    return new Promise((resolve) => {
      this.#onUnpinned = resolve;
    });
  }

  #unpin(reader: FileSnapshotReader): void {
    this.#readers.delete(reader);
    void this.#inTurn(() => this.#prune());
    this.#onUnpinned();
  }

  /** Removes what is not current and not being read. */
  async #prune(): Promise<void> {
    const pinned = new Set([...this.#readers].map(({ snapshot }) => snapshot));
    for (const snapshot of this.#replaced) {
      if (pinned.has(snapshot)) continue;
      this.#replaced.delete(snapshot);
      await this.#discard(snapshot.sequence, snapshot.source);
    }
  }

  /** When the work fails, the file is worth nothing. */
  async #orDiscard<T>(
    { sequence, source }: Pick<StoredSnapshot, 'sequence' | 'source'>,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.#discard(sequence, source);
      throw error;
    }
  }

  /** Best effort: what stays is removed at the next open. */
  async #discard(sequence: number, source: SnapshotFile): Promise<void> {
    await source.fileSystem.close(source.file).catch(() => undefined);
    await this.#directory.remove(sequence).catch(() => undefined);
  }

  async #point(snapshot: StoredSnapshot): Promise<void> {
    try {
      await this.#directory.point(snapshot);
    } catch (error) {
      await snapshot.source.fileSystem.close(snapshot.source.file).catch(() => undefined);
      const refusal = 'a snapshot could not be made current';
      this.#failure = new StorageFailedError(this.#directory.path, refusal, error);
      throw this.#failure;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #report(): void {
    const { metrics } = this.#dependencies;
    metrics?.currentIndex.set(this.current?.lastIndex ?? 0);
    metrics?.currentBytes.set(this.current?.bytes ?? 0);
  }

  #assertOpen(): void {
    if (this.#unlock === null || this.#isClosing) throw this.#misuse('the store is not open');
  }

  #misuse(message: string): StorageUsageError {
    return new StorageUsageError(this.#directory.path, message);
  }
}
