import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { diskStep } from './disk-step.ts';
import { dataSyncAsync, type FileSystem, writeAsync } from './file-system.ts';
import { snapshotHeaderBytes } from './snapshot-header.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/** Content of one chunk; only the last one of a snapshot is shorter. */
export const snapshotChunkBytes = 256 * 1024;

/** Before the content of a chunk: CRC of all that follows, length, offset in the content. */
const chunkHeaderBytes = 16;
const at = { crc: 0, length: 4, offset: 8 };
const strideBytes = chunkHeaderBytes + snapshotChunkBytes;

/** What was written is synced at least this often, so that no sync of the log waits behind a whole snapshot. */
const syncBytes = 8 * 1024 * 1024;

/** An open snapshot file. */
export interface SnapshotFile {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly file: number;
}

/** What a file was found to begin with. */
export interface ChunksRead {
  /** Content of the whole chunks. */
  readonly bytes: number;
  /** Of that content. */
  readonly hash: Hash;
  /** Content behind it, of a chunk that is shorter than it will be: receiving ended in the middle of it. */
  readonly tail: Uint8Array;
}

/** Where a chunk begins in the file. */
export function chunkPosition(number: number): number {
  return snapshotHeaderBytes + number * strideBytes;
}

/** Size of a file with so many bytes of content. */
export function snapshotFileBytes(bytes: number): number {
  const chunks = Math.ceil(bytes / snapshotChunkBytes);
  return snapshotHeaderBytes + chunks * chunkHeaderBytes + bytes;
}

/** Content that a chunk of a complete snapshot with `bytes` of content has. */
export function chunkBytes(number: number, bytes: number): number {
  return Math.min(snapshotChunkBytes, bytes - number * snapshotChunkBytes);
}

/** Reads a chunk of a snapshot that has, or will have, `bytes` of content; null when it is not what was written. */
export async function readChunk(
  { fileSystem, file }: SnapshotFile,
  number: number,
  bytes: number,
): Promise<Buffer | null> {
  const block = Buffer.allocUnsafe(chunkHeaderBytes + chunkBytes(number, bytes));
  const read = await fileSystem.readAsync(file, block, chunkPosition(number));
  if (read < chunkHeaderBytes) return null;
  const end = chunkHeaderBytes + block.readUInt32LE(at.length);
  const isWhole =
    end > chunkHeaderBytes &&
    end <= read &&
    readUint64(block, at.offset) === number * snapshotChunkBytes &&
    block.readUInt32LE(at.crc) === crc32(block.subarray(at.length, end));
  return isWhole ? block.subarray(chunkHeaderBytes, end) : null;
}

/** Reads from the first chunk on, up to the end or the first chunk that is not whole. */
export async function readChunks(source: SnapshotFile, bytes: number): Promise<ChunksRead> {
  const hash = createHash('sha256');
  let read = 0;
  let tail: Uint8Array = new Uint8Array(0);
  while (read < bytes && tail.length === 0) {
    const number = read / snapshotChunkBytes;
    const chunk = await readChunk(source, number, bytes);
    if (chunk === null) break;
    if (chunk.length < chunkBytes(number, bytes)) tail = chunk;
    else {
      hash.update(chunk);
      read += chunk.length;
    }
  }
  return { bytes: read, hash, tail };
}

/** Writes content behind what a snapshot file holds, cut into chunks. One call at a time. */
export class ChunkAppender {
  readonly #target: SnapshotFile;
  readonly #hash: Hash;
  readonly #buffer = Buffer.allocUnsafe(strideBytes);
  #writtenBytes = 0;
  #waitingBytes = 0;
  #unsyncedBytes = 0;

  /** @param held What the file begins with; null for a new one. */
  constructor(target: SnapshotFile, held: ChunksRead | null) {
    this.#target = target;
    this.#hash = held?.hash ?? createHash('sha256');
    if (held === null) return;
    this.#writtenBytes = held.bytes;
    this.#waitingBytes = held.tail.length;
    this.#buffer.set(held.tail, chunkHeaderBytes);
    this.#hash.update(held.tail);
  }

  /** Bytes of content so far. */
  get bytes(): number {
    return this.#writtenBytes + this.#waitingBytes;
  }

  async append(data: Uint8Array): Promise<void> {
    this.#hash.update(data);
    for (let from = 0; from < data.length; ) {
      const part = data.subarray(from, from + snapshotChunkBytes - this.#waitingBytes);
      this.#buffer.set(part, chunkHeaderBytes + this.#waitingBytes);
      this.#waitingBytes += part.length;
      from += part.length;
      if (this.#waitingBytes === snapshotChunkBytes) await this.#writeChunk();
    }
  }

  /** Writes what waits, as a chunk that is shorter; syncing is left to the caller. Nothing may be appended after it. */
  async flush(): Promise<void> {
    if (this.#waitingBytes > 0) await this.#writeChunk();
  }

  /** SHA-256 of all content in hex digits; nothing may be appended after it. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  #writeChunk(): Promise<void> {
    return diskStep(this.#target.path, 'a snapshot chunk could not be written', async () => {
      const { fileSystem, file } = this.#target;
      const chunk = this.#sealedChunk();
      const position = chunkPosition(this.#writtenBytes / snapshotChunkBytes);
      await writeAsync(fileSystem, file, chunk, position);
      this.#writtenBytes += this.#waitingBytes;
      this.#unsyncedBytes += this.#waitingBytes;
      this.#waitingBytes = 0;
      if (this.#unsyncedBytes < syncBytes) return;
      await dataSyncAsync(fileSystem, file);
      this.#unsyncedBytes = 0;
    });
  }

  #sealedChunk(): Buffer {
    const chunk = this.#buffer.subarray(0, chunkHeaderBytes + this.#waitingBytes);
    chunk.writeUInt32LE(this.#waitingBytes, at.length);
    writeUint64(chunk, this.#writtenBytes, at.offset);
    chunk.writeUInt32LE(crc32(chunk.subarray(at.length)), at.crc);
    return chunk;
  }
}
