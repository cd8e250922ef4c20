import { createHash } from 'node:crypto';
import { initialConfig } from '../../../src/core/config.ts';
import type { SnapshotMeta, SnapshotPosition } from '../../../src/core/types.ts';
import type {
  SnapshotContent,
  SnapshotReader,
  SnapshotStore,
  SnapshotWriter,
} from '../../../src/ports.ts';
import { FileSnapshotStore, type FileSystem } from '../../../src/storage/index.ts';

export const directory = '/snapshots';
const config = initialConfig({ a: 'a:1', b: 'b:1', c: 'c:1' });

export function positionAt(lastIndex: number): SnapshotPosition {
  return { lastIndex, lastTerm: 3, config, configIndex: 0 };
}

/** Content that differs with the seed and does not repeat itself within a chunk. */
export function contentOf(bytes: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + seed, 2654435761);
  return new Uint8Array(words.buffer, 0, bytes);
}

export function metaOf(lastIndex: number, content: Uint8Array): SnapshotMeta {
  const digest = createHash('sha256').update(content).digest('hex');
  return { ...positionAt(lastIndex), bytes: content.length, digest, formatVersion: 1 };
}

/** Pieces of the given length. */
export function* piecesOf(content: Uint8Array, bytes: number): Generator<Uint8Array> {
  for (let from = 0; from < content.length; from += bytes) {
    yield content.subarray(from, from + bytes);
  }
}

export function storeOn(fileSystem: FileSystem): FileSnapshotStore {
  const unlocked = async () => async () => undefined;
  return new FileSnapshotStore(
    { directory, clusterId: 'c' },
    { fileSystem, lockDirectory: unlocked },
  );
}

/** A callback's answer as a promise. */
function answered<T>(call: (answer: (result: T | Error) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((result) => (result instanceof Error ? reject(result) : resolve(result)));
  });
}

function done(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error === null ? resolve() : reject(error)));
  });
}

export function create(
  store: SnapshotStore,
  lastIndex: number,
  content: SnapshotContent,
): Promise<SnapshotMeta> {
  return answered((answer) => store.create(positionAt(lastIndex), content, answer));
}

export function receive(store: SnapshotStore, meta: SnapshotMeta): Promise<SnapshotWriter> {
  return answered((answer) => store.receive(meta, answer));
}

export function write(writer: SnapshotWriter, chunk: Uint8Array): Promise<void> {
  return done((answer) => writer.write(chunk, answer));
}

export function finish(writer: SnapshotWriter): Promise<void> {
  return done((answer) => writer.finish(answer));
}

export function read(reader: SnapshotReader, offset: number, length: number): Promise<Uint8Array> {
  return answered((answer) => reader.read(offset, length, answer));
}

/** Receives a snapshot from where it is to its end. */
export async function receiveAll(
  store: SnapshotStore,
  meta: SnapshotMeta,
  content: Uint8Array,
): Promise<void> {
  const writer = await receive(store, meta);
  for (const piece of piecesOf(content.subarray(writer.offset), 100_000))
    await write(writer, piece);
  await finish(writer);
}

/** All content of the current snapshot; null when there is none. */
export async function currentContent(store: SnapshotStore): Promise<Buffer | null> {
  const reader = store.pin();
  if (reader === null) return null;
  const parts: Uint8Array[] = [];
  try {
    for await (const part of reader.content()) parts.push(part);
  } finally {
    reader.close();
  }
  return Buffer.concat(parts);
}
