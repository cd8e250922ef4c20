import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { initialConfig } from '../core/config.ts';
import {
  type Index,
  type SnapshotMeta,
  type SnapshotPosition,
  snapshotFormatVersion,
  type Term,
} from '../core/types.ts';
import type { SnapshotContent, SnapshotReader, SnapshotStore, SnapshotWriter } from '../ports.ts';
import type { TestRunner } from './log-store-contract.ts';

/** Storage that outlives the stores that are opened over it, one after the other. */
export interface SnapshotStoreStorage {
  /** A new store over the same storage, not opened yet. */
  newStore(): SnapshotStore;
  /** Removes the storage. */
  dispose(): Promise<void>;
}

/** A position with a configuration of its own. */
function snapshotPosition(lastIndex: Index, lastTerm: Term): SnapshotPosition {
  const config = { ...initialConfig({ a: 'a:1', b: 'b:1' }), learners: [`l${lastIndex}`] };
  return { lastIndex, lastTerm, config, configIndex: lastIndex - 1 };
}

/** What a snapshot of this content at this place is known by. */
function snapshotMeta(lastIndex: Index, content: Uint8Array): SnapshotMeta {
  const digest = createHash('sha256').update(content).digest('hex');
  const rest = { bytes: content.length, digest, formatVersion: snapshotFormatVersion };
  return { ...snapshotPosition(lastIndex, 1), ...rest };
}

/** Takes a snapshot and waits; rejects with the error that is answered. */
function createSnapshot(
  store: SnapshotStore,
  position: SnapshotPosition,
  content: SnapshotContent,
): Promise<SnapshotMeta> {
  return new Promise((resolve, reject) => {
    store.create(position, content, (result) => {
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  });
}

/** Begins to receive, or goes on. */
function receiveSnapshot(store: SnapshotStore, meta: SnapshotMeta): Promise<SnapshotWriter> {
  return new Promise((resolve, reject) => {
    store.receive(meta, (result) => {
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  });
}

/** Writes one chunk. */
function writeChunk(writer: SnapshotWriter, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    writer.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

/** Finishes what was received. */
function finishSnapshot(writer: SnapshotWriter): Promise<void> {
  return new Promise((resolve, reject) => {
    writer.finish((error) => (error ? reject(error) : resolve()));
  });
}

/** All content of a snapshot, read in pieces of 1,000 bytes. */
async function readSnapshot(reader: SnapshotReader): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < reader.meta.bytes; offset += 1000) {
    const piece = await new Promise<Uint8Array>((resolve, reject) => {
      reader.read(offset, 1000, (result) => {
        if (result instanceof Error) reject(result);
        else resolve(result);
      });
    });
    pieces.push(Uint8Array.from(piece));
  }
  return Buffer.concat(pieces);
}

async function contentOf(reader: SnapshotReader): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reader.content()) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/** Bytes that do not repeat in any convenient way. */
function someBytes(length: number, salt = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 17 + salt * 101) % 256));
}

async function* inPieces(content: Uint8Array, pieceBytes: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < content.length; at += pieceBytes) {
    await Promise.resolve();
    yield content.subarray(at, at + pieceBytes);
  }
}

async function expectCurrent(
  store: SnapshotStore,
  lastIndex: Index,
  content: Uint8Array,
): Promise<void> {
  assert.equal(store.current?.lastIndex, lastIndex);
  const reader = store.pin();
  assert.ok(reader !== null);
  assert.deepEqual(reader.meta, store.current);
  assert.ok((await readSnapshot(reader)).equals(content));
  assert.ok((await contentOf(reader)).equals(content));
  reader.close();
  reader.close();
}

async function withStore(
  storage: SnapshotStoreStorage,
  body: (store: SnapshotStore) => Promise<void>,
): Promise<void> {
  const store = storage.newStore();
  const found = await store.open();
  assert.deepEqual(found, store.current);
  try {
    await body(store);
  } finally {
    await store.close();
  }
}

type Check = (storage: SnapshotStoreStorage) => Promise<void>;

const content = someBytes(5_500);
const meta = snapshotMeta(20, content);

const creating: Readonly<Record<string, Check>> = {
  'a new store has no snapshot': (storage) =>
    withStore(storage, async (store) => {
      assert.equal(store.current, null);
      assert.equal(store.pin(), null);
    }),

  'what was created is current, also after a restart, with all that is known of it': async (
    storage,
  ) => {
    await withStore(storage, async (store) => {
      assert.deepEqual(
        await createSnapshot(store, snapshotPosition(20, 1), inPieces(content, 700)),
        meta,
      );
      await expectCurrent(store, 20, content);
    });
    await withStore(storage, async (store) => {
      assert.deepEqual(store.current, meta);
      await expectCurrent(store, 20, content);
    });
  },

  'content may be empty, in one piece, in many, or come from a plain iterable': (storage) =>
    withStore(storage, async (store) => {
      const contents = [[], [content], [...content.subarray(0, 50)].map((byte) => [byte])];
      for (const [i, pieces] of contents.entries()) {
        const bytes = pieces.map((piece) => Uint8Array.from(piece));
        await createSnapshot(store, snapshotPosition(i + 2, 1), bytes);
        await expectCurrent(store, i + 2, Buffer.concat(bytes));
      }
    }),

  'content that fails leaves what was current': async (storage) => {
    await withStore(storage, async (store) => {
      await createSnapshot(store, snapshotPosition(5, 1), [content]);
      async function* failing(): AsyncIterable<Uint8Array> {
        yield content;
        await Promise.resolve();
        throw new Error('no more');
      }
      await assert.rejects(createSnapshot(store, snapshotPosition(9, 1), failing()), /no more/);
      await expectCurrent(store, 5, content);
      await createSnapshot(store, snapshotPosition(10, 1), [content]);
    });
    await withStore(storage, (store) => expectCurrent(store, 10, content));
  },

  'B22: one that is older than the current one never takes its place': async (storage) => {
    const older = [someBytes(10, 1)];
    await withStore(storage, async (store) => {
      await createSnapshot(store, snapshotPosition(20, 1), [content]);
      assert.deepEqual(await createSnapshot(store, snapshotPosition(19, 1), older), meta);
      await expectCurrent(store, 20, content);
    });
    await withStore(storage, (store) => expectCurrent(store, 20, content));
  },

  'B22: a local one that is finished after a newer one was received is dropped': async (
    storage,
  ) => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow(): AsyncIterable<Uint8Array> {
      await held;
      yield someBytes(100, 2);
    }
    await withStore(storage, async (store) => {
      const local = createSnapshot(store, snapshotPosition(10, 1), slow());
      const writer = await receiveSnapshot(store, meta);
      await writeChunk(writer, content);
      await finishSnapshot(writer);
      release();
      assert.deepEqual(await local, meta);
      await expectCurrent(store, 20, content);
    });
    await withStore(storage, (store) => expectCurrent(store, 20, content));
  },

  'a pinned one stays readable while newer ones become current': (storage) =>
    withStore(storage, async (store) => {
      await createSnapshot(store, snapshotPosition(5, 1), [content]);
      const pinned = store.pin()!;
      for (let i = 6; i < 10; i++) {
        await createSnapshot(store, snapshotPosition(i, 1), [someBytes(2000, i)]);
      }
      assert.equal(pinned.meta.lastIndex, 5);
      assert.ok((await readSnapshot(pinned)).equals(content));
      assert.ok((await contentOf(pinned)).equals(content));
      await expectCurrent(store, 9, someBytes(2000, 9));
      pinned.close();
      await expectCurrent(store, 9, someBytes(2000, 9));
    }),
};

const receiving: Readonly<Record<string, Check>> = {
  'what was received is current when it is finished, also after a restart': async (storage) => {
    await withStore(storage, async (store) => {
      const writer = await receiveSnapshot(store, meta);
      assert.deepEqual(writer.meta, meta);
      assert.equal(writer.offset, 0);
      await writeChunk(writer, content.subarray(0, 3000));
      assert.equal(writer.offset, 3000);
      await writeChunk(writer, content.subarray(3000));
      assert.equal(store.current, null);
      await finishSnapshot(writer);
      await expectCurrent(store, 20, content);
      assert.deepEqual(store.current, meta);
      writer.close();
    });
    await withStore(storage, async (store) => {
      assert.deepEqual(store.current, meta);
      await expectCurrent(store, 20, content);
    });
  },

  'an empty one can be received': (storage) =>
    withStore(storage, async (store) => {
      const writer = await receiveSnapshot(store, snapshotMeta(3, new Uint8Array(0)));
      await finishSnapshot(writer);
      await expectCurrent(store, 3, new Uint8Array(0));
    }),

  'receiving goes on where it broke off': (storage) =>
    withStore(storage, async (store) => {
      const first = await receiveSnapshot(store, meta);
      await writeChunk(first, content.subarray(0, 4000));
      first.close();
      const second = await receiveSnapshot(store, meta);
      assert.equal(second.offset, 4000);
      await writeChunk(second, content.subarray(second.offset));
      await finishSnapshot(second);
      await expectCurrent(store, 20, content);
    }),

  'receiving goes on after a restart, with at most what was written': async (storage) => {
    await withStore(storage, async (store) => {
      const writer = await receiveSnapshot(store, meta);
      await writeChunk(writer, content.subarray(0, 2500));
      writer.close();
    });
    await withStore(storage, async (store) => {
      assert.equal(store.current, null);
      const writer = await receiveSnapshot(store, meta);
      assert.ok(writer.offset > 0 && writer.offset <= 2500);
      await writeChunk(writer, content.subarray(writer.offset));
      await finishSnapshot(writer);
      await expectCurrent(store, 20, content);
    });
  },

  'what was received of another one is not gone on with': (storage) =>
    withStore(storage, async (store) => {
      const first = await receiveSnapshot(store, meta);
      await writeChunk(first, content.subarray(0, 4000));
      first.close();
      const other = someBytes(3000, 7);
      for (const wanted of [snapshotMeta(21, content), snapshotMeta(20, other)]) {
        const writer = await receiveSnapshot(store, wanted);
        assert.equal(writer.offset, 0);
        writer.close();
      }
      const last = await receiveSnapshot(store, snapshotMeta(20, other));
      await writeChunk(last, other);
      await finishSnapshot(last);
      await expectCurrent(store, 20, other);
    }),

  'content with another digest, or too little of it, is refused and forgotten': (storage) =>
    withStore(storage, async (store) => {
      await createSnapshot(store, snapshotPosition(5, 1), [content]);
      const wrong = Buffer.from(content);
      wrong[3000]! ^= 1;
      for (const received of [wrong, content.subarray(0, 5000)]) {
        const writer = await receiveSnapshot(store, meta);
        assert.equal(writer.offset, 0);
        await writeChunk(writer, received);
        await assert.rejects(finishSnapshot(writer));
        await expectCurrent(store, 5, content);
      }
    }),

  'one that is older than the current one by the time it is finished is dropped': (storage) =>
    withStore(storage, async (store) => {
      const writer = await receiveSnapshot(store, meta);
      await writeChunk(writer, content);
      const newer = someBytes(100, 4);
      await createSnapshot(store, snapshotPosition(30, 1), [newer]);
      await finishSnapshot(writer);
      await expectCurrent(store, 30, newer);
    }),

  'a snapshot of a newer format is refused': (storage) =>
    withStore(storage, async (store) => {
      const newer = { ...meta, formatVersion: snapshotFormatVersion + 1 };
      await assert.rejects(receiveSnapshot(store, newer));
    }),
};

/** What every `SnapshotStore` must do, as tests of the given runner. */
export function snapshotStoreContract(
  name: string,
  makeStorage: () => Promise<SnapshotStoreStorage>,
  runner: TestRunner,
): void {
  runner.describe(`${name} keeps the contract of a snapshot store`, () => {
    for (const [sentence, check] of Object.entries({ ...creating, ...receiving })) {
      runner.it(sentence, async () => {
        const storage = await makeStorage();
        try {
          await check(storage);
        } finally {
          await storage.dispose();
        }
      });
    }
  });
}
