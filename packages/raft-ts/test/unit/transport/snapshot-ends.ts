import { createHash } from 'node:crypto';
import { initialConfig } from '../../../src/core/config.ts';
import type { SnapshotMessage } from '../../../src/core/message.ts';
import type { SnapshotMeta } from '../../../src/core/types.ts';
import type { Done, SnapshotReader, SnapshotWriter } from '../../../src/ports.ts';
import type { Member } from './pair.ts';

/** Content that does not repeat itself within a chunk. */
export function contentOf(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 2654435761);
  return new Uint8Array(words.buffer, 0, bytes);
}

export function metaOf(content: Uint8Array): SnapshotMeta {
  return {
    lastIndex: 900,
    lastTerm: 3,
    config: initialConfig({ a: 'a:1', b: 'b:1' }),
    configIndex: 7,
    bytes: content.length,
    digest: createHash('sha256').update(content).digest('hex'),
    formatVersion: 1,
  };
}

export function messageOf(meta: SnapshotMeta, from = 'a', to = 'b'): SnapshotMessage {
  return { kind: 'snapshot', from, to, term: 4, meta };
}

/** Gives out content from memory, or whatever `answer` makes of it. */
export function readerOf(
  content: Uint8Array,
  answer = (piece: Uint8Array): Uint8Array | Error => piece,
): SnapshotReader {
  return {
    meta: metaOf(content),
    read: (offset, length, callback) => {
      setImmediate(() => callback(answer(content.subarray(offset, offset + length))));
    },
    content: () => [content],
    close: () => undefined,
  };
}

/** A place for one snapshot, that keeps what was written when a writer is closed. */
export class Shelf {
  readonly offered: SnapshotMessage[] = [];
  /** Offsets from which writers began. */
  readonly begun: number[] = [];
  /** Lengths of what was written. */
  readonly written: number[] = [];
  content = Buffer.alloc(0);
  isFinished = false;
  openWriters = 0;
  /** Each write waits for it. */
  gate: Promise<void> = Promise.resolve();
  problem: { readonly write?: Error; readonly finish?: Error } = {};

  readonly onSnapshot = (
    message: SnapshotMessage,
    answer: (result: SnapshotWriter | null | Error) => void,
  ): void => {
    this.offered.push(message);
    setImmediate(() => answer(this.#begin(message.meta)));
  };

  #begin(meta: SnapshotMeta): SnapshotWriter {
    this.begun.push(this.content.length);
    this.openWriters += 1;
    let isClosed = false;
    const shelf = this;
    return {
      meta,
      get offset() {
        return shelf.content.length;
      },
      write(chunk, done) {
        const copy = Buffer.from(chunk);
        shelf.written.push(chunk.length);
        void shelf.gate.then(() => {
          if (isClosed) return;
          if (shelf.problem.write === undefined)
            shelf.content = Buffer.concat([shelf.content, copy]);
          done(shelf.problem.write ?? null);
        });
      },
      finish(done) {
        shelf.isFinished = shelf.problem.finish === undefined;
        setImmediate(() => done(shelf.problem.finish ?? null));
      },
      close() {
        if (!isClosed) shelf.openWriters -= 1;
        isClosed = true;
      },
    };
  }
}

/** Something that is opened later. */
export function newGate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** Sends a snapshot; resolves with the error or null. */
export function send(
  from: Member,
  message: SnapshotMessage,
  reader: SnapshotReader,
  signal = new AbortController().signal,
): Promise<Error | null> {
  return new Promise((resolve) => {
    let calls = 0;
    const done: Done = (error) => {
      calls += 1;
      if (calls > 1) throw new Error('done was called twice');
      resolve(error);
    };
    from.transport.sendSnapshot(message, reader, signal, done);
  });
}
