import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { SnapshotMeta } from '../core/types.ts';
import type { SnapshotReader } from '../ports.ts';
import { respond } from './disk-step.ts';
import { StorageCorruptionError, StorageUsageError } from './errors.ts';
import { chunkBytes, chunkPosition, readChunk, snapshotChunkBytes } from './snapshot-chunks.ts';
import type { StoredSnapshot } from './snapshot-directory.ts';
import { snapshotHeaderBytes } from './snapshot-header.ts';

/** Reads the content of a complete snapshot; every chunk is checked when it is read. */
export class FileSnapshotReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #onReleased: () => void;
  #isClosed = false;
  #readsUnderWay = 0;
  /** The chunk read last: who reads in small pieces does not read it anew for each. */
  #chunk: { readonly number: number; readonly content: Buffer } | null = null;

  /** @param onReleased Called once, when the reader is closed and no read is under way. */
  constructor(snapshot: StoredSnapshot, onReleased: () => void) {
    this.snapshot = snapshot;
    this.#onReleased = onReleased;
  }

  get meta(): SnapshotMeta {
    return this.snapshot.meta;
  }

  /** Answers with a `StorageCorruptionError` when the bytes are not what was written. */
  read(offset: number, length: number, answer: (result: Uint8Array | Error) => void): void {
    respond(this.#read(offset, length), answer);
  }

  async *content(): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    for (let offset = 0; offset < this.meta.bytes; ) {
      const part = await this.#read(offset, snapshotChunkBytes);
      hash.update(part);
      offset += part.length;
      yield part;
    }
    if (hash.digest('hex') === this.meta.digest) return;
    throw this.#damaged(
      snapshotHeaderBytes,
      'the content does not have the digest of the snapshot',
    );
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#readsUnderWay === 0) this.#onReleased();
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const { path } = this.snapshot.source;
    if (this.#isClosed) throw new StorageUsageError(path, 'the snapshot reader is closed');
    this.#readsUnderWay += 1;
    try {
      const parts: Uint8Array[] = [];
      const end = Math.min(offset + length, this.meta.bytes);
      for (let at = offset; at < end; at += parts.at(-1)!.length) {
        const content = await this.#load(Math.floor(at / snapshotChunkBytes));
        const from = at % snapshotChunkBytes;
        parts.push(content.subarray(from, from + end - at));
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    } finally {
      this.#readsUnderWay -= 1;
      if (this.#isClosed && this.#readsUnderWay === 0) this.#onReleased();
    }
  }

  async #load(number: number): Promise<Buffer> {
    if (this.#chunk?.number === number) return this.#chunk.content;
    const content = await readChunk(this.snapshot.source, number, this.meta.bytes);
    if (content?.length !== chunkBytes(number, this.meta.bytes)) {
      throw this.#damaged(chunkPosition(number), 'a snapshot chunk is damaged');
    }
    this.#chunk = { number, content };
    return content;
  }

  #damaged(position: number, what: string): StorageCorruptionError {
    return new StorageCorruptionError(this.snapshot.source.path, position, what);
  }
}
