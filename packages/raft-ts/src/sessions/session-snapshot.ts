import { Buffer } from 'node:buffer';
import type { SnapshotContent } from '../ports.ts';
import { SessionTableError } from './errors.ts';

/** Length of the table, little endian, before the table. */
const lengthBytes = 4;

/** The content of a snapshot: the table of sessions, then what the wrapped state machine gives. */
export function joinSnapshot(table: Uint8Array, inner: SnapshotContent): SnapshotContent {
  const head = Buffer.alloc(lengthBytes);
  head.writeUInt32LE(table.length);
  return Symbol.iterator in inner ? joinNow(head, table, inner) : joinLater(head, table, inner);
}

function* joinNow(head: Uint8Array, table: Uint8Array, inner: Iterable<Uint8Array>) {
  yield head;
  yield table;
  yield* inner;
}

async function* joinLater(head: Uint8Array, table: Uint8Array, inner: AsyncIterable<Uint8Array>) {
  yield head;
  yield table;
  yield* inner;
}

/**
 * Takes such a content apart again. `inner` is to be read once, to its end.
 *
 * @throws {SessionTableError} If it ends within the table.
 */
export async function splitSnapshot(
  content: SnapshotContent,
): Promise<{ table: Uint8Array; inner: AsyncIterable<Uint8Array> }> {
  const pieces = piecesOf(content);
  let read = Buffer.alloc(0);
  const wanted = () =>
    read.length < lengthBytes ? lengthBytes : lengthBytes + read.readUInt32LE(0);
  while (read.length < wanted()) {
    const { done, value } = await pieces.next();
    if (done === true) throw new SessionTableError('the snapshot ends within its table');
    read = Buffer.concat([read, value]);
  }
  const end = wanted();
  return { table: read.subarray(lengthBytes, end), inner: restOf(read.subarray(end), pieces) };
}

async function* piecesOf(content: SnapshotContent): AsyncGenerator<Uint8Array, void> {
  yield* content;
}

async function* restOf(first: Uint8Array, pieces: AsyncIterable<Uint8Array>) {
  if (first.length > 0) yield first;
  yield* pieces;
}
