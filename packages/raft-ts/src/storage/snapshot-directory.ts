import { Buffer } from 'node:buffer';
import path from 'node:path';
import type { SnapshotMeta } from '../core/types.ts';
import { StorageCorruptionError, StorageError, StorageIdentityError } from './errors.ts';
import { dataSyncAsync, type FileSystem, writeAsync } from './file-system.ts';
import {
  chunkPosition,
  readChunks,
  type SnapshotFile,
  snapshotChunkBytes,
  snapshotFileBytes,
} from './snapshot-chunks.ts';
import {
  decodeSnapshotHeader,
  encodeSnapshotHeader,
  snapshotHeaderBytes,
} from './snapshot-header.ts';
import {
  decodeSnapshotPointer,
  encodeSnapshotPointer,
  snapshotPointerBytes,
} from './snapshot-pointer.ts';

/** A snapshot by its file. */
export interface NamedSnapshot {
  /** The file's name. */
  readonly sequence: number;
  readonly meta: SnapshotMeta;
}

/** A complete one, ready to be read. */
export interface StoredSnapshot extends NamedSnapshot {
  readonly source: SnapshotFile;
}

/** What a directory was found to hold. */
export interface FoundSnapshots {
  /** What the pointer names, every byte verified. */
  readonly current: StoredSnapshot | null;
  /** The newest one that was not completed and could be. */
  readonly partial: NamedSnapshot | null;
  readonly nextSequence: number;
}

const pointerName = 'current';
const draftName = 'current.tmp';
const namePattern = /^(\d{16})\.snapshot$/;

/**
 * The files of a snapshot store. A snapshot has its name from its first byte on; which one is current is said by the
 * pointer alone, so that one rename makes it so.
 */
export class SnapshotDirectory {
  readonly path: string;
  readonly #clusterId: string;
  readonly #fileSystem: FileSystem;

  constructor(directory: string, clusterId: string, fileSystem: FileSystem) {
    this.path = directory;
    this.#clusterId = clusterId;
    this.#fileSystem = fileSystem;
  }

  /** Verifies the current snapshot and removes what nobody can use. */
  async open(): Promise<FoundSnapshots> {
    const names = await this.#fileSystem.list(this.path);
    if (names.includes(draftName)) await this.#fileSystem.remove(this.#file(draftName));
    const sequences = names
      .flatMap((name) => namePattern.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
    const current = names.includes(pointerName) ? await this.#openCurrent(sequences) : null;
    let partial: NamedSnapshot | null = null;
    for (const sequence of sequences) {
      if (sequence === current?.sequence) continue;
      const found: NamedSnapshot | null =
        partial === null ? await this.#findPartial(sequence, current) : null;
      if (found === null) await this.#fileSystem.remove(this.snapshotPath(sequence));
      partial ??= found;
    }
    // The pointer may have been renamed by a process that was killed before it synced the directory. Who opens the store
    // will rely on what it found, so it must not change any more.
    await this.#fileSystem.syncDirectory(this.path);
    return { current, partial, nextSequence: (sequences[0] ?? 0) + 1 };
  }

  snapshotPath(sequence: number): string {
    return this.#file(`${String(sequence).padStart(16, '0')}.snapshot`);
  }

  createFile(sequence: number): Promise<SnapshotFile> {
    return this.#openFile(sequence, 'create');
  }

  openFile(sequence: number): Promise<SnapshotFile> {
    return this.#openFile(sequence, 'update');
  }

  writeHeader({ file }: SnapshotFile, meta: SnapshotMeta): Promise<void> {
    const header = encodeSnapshotHeader({ clusterId: this.#clusterId, meta });
    return writeAsync(this.#fileSystem, file, header, 0);
  }

  /** Makes a snapshot whose file is synced the current one: it is when this resolves, also after a power cut. */
  async point({ sequence, meta }: NamedSnapshot): Promise<void> {
    const draft = this.#file(draftName);
    // The file must have its name for good before anything points to it.
    await this.sync();
    const file = await this.#fileSystem.open(draft, 'create');
    const pointer = encodeSnapshotPointer({ sequence, digest: meta.digest });
    await writeAsync(this.#fileSystem, file, pointer, 0);
    await dataSyncAsync(this.#fileSystem, file);
    await this.#fileSystem.close(file);
    await this.#fileSystem.rename(draft, this.#file(pointerName));
    await this.sync();
  }

  /** Names that were made or removed are durable. */
  sync(): Promise<void> {
    return this.#fileSystem.syncDirectory(this.path);
  }

  remove(sequence: number): Promise<void> {
    return this.#fileSystem.remove(this.snapshotPath(sequence));
  }

  async #openFile(sequence: number, mode: 'create' | 'update'): Promise<SnapshotFile> {
    const file = this.snapshotPath(sequence);
    const descriptor = await this.#fileSystem.open(file, mode);
    return { fileSystem: this.#fileSystem, path: file, file: descriptor };
  }

  #file(name: string): string {
    return path.join(this.path, name);
  }

  async #openCurrent(sequences: readonly number[]): Promise<StoredSnapshot> {
    const pointerPath = this.#file(pointerName);
    const block = await this.#readStart(pointerPath, snapshotPointerBytes);
    const { sequence, digest } = decodeSnapshotPointer(block, pointerPath);
    const file = this.snapshotPath(sequence);
    if (!sequences.includes(sequence)) {
      throw new StorageCorruptionError(file, 0, 'the current snapshot is missing');
    }
    const meta = await this.#readMeta(sequence);
    if (meta.digest !== digest) {
      throw new StorageCorruptionError(file, 0, 'the snapshot is not the one that is current');
    }
    const source = await this.openFile(sequence);
    try {
      await this.#verify(source, meta);
    } catch (error) {
      await this.#fileSystem.close(source.file);
      throw error;
    }
    return { sequence, meta, source };
  }

  async #findPartial(
    sequence: number,
    current: StoredSnapshot | null,
  ): Promise<NamedSnapshot | null> {
    try {
      const meta = await this.#readMeta(sequence);
      const isNewer = meta.lastIndex > (current?.meta.lastIndex ?? 0);
      return isNewer ? { sequence, meta } : null;
    } catch (error) {
      // Nobody ever relied on a file that did not become current.
      if (error instanceof StorageError) return null;
      throw error;
    }
  }

  async #readMeta(sequence: number): Promise<SnapshotMeta> {
    const file = this.snapshotPath(sequence);
    const block = await this.#readStart(file, snapshotHeaderBytes);
    const { clusterId, meta } = decodeSnapshotHeader(block, file);
    if (clusterId === this.#clusterId) return meta;
    throw new StorageIdentityError(file, this.#clusterId, clusterId);
  }

  async #readStart(file: string, bytes: number): Promise<Buffer> {
    const descriptor = await this.#fileSystem.open(file, 'update');
    try {
      const block = Buffer.alloc(bytes);
      const read = await this.#fileSystem.readAsync(descriptor, block, 0);
      return block.subarray(0, read);
    } finally {
      await this.#fileSystem.close(descriptor);
    }
  }

  async #verify(source: SnapshotFile, { bytes, digest }: SnapshotMeta): Promise<void> {
    const found = await readChunks(source, bytes);
    const damaged = (position: number, what: string): StorageCorruptionError =>
      new StorageCorruptionError(source.path, position, what);
    if (found.bytes < bytes) {
      const position = chunkPosition(Math.floor(found.bytes / snapshotChunkBytes));
      throw damaged(position, 'a snapshot chunk is damaged');
    }
    const end = snapshotFileBytes(bytes);
    if ((await this.#fileSystem.sizeBytes(source.file)) !== end) {
      throw damaged(end, 'the snapshot file does not end where it should');
    }
    if (found.hash.digest('hex') !== digest) {
      throw damaged(snapshotHeaderBytes, 'the content does not have the digest of the snapshot');
    }
  }
}
