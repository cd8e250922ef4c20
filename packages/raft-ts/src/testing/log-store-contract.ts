import assert from 'node:assert/strict';
import { type Entry, EntryType, type Index, type Term } from '../core/types.ts';
import type { AppendBatch, LogStore } from '../ports.ts';

/** The two functions of a test runner that the suite needs; vitest, jest, mocha and `node:test` have them. */
export interface TestRunner {
  /** Groups the tests that `body` makes. */
  describe(name: string, body: () => void): void;
  /** Makes a test that fails when `body` rejects. */
  it(name: string, body: () => Promise<void>): void;
}

/** Storage that outlives the stores that are opened over it, one after the other. */
export interface LogStoreStorage {
  /** A new store over the same storage, not opened yet. */
  newStore(): LogStore;
  /** Removes the storage. */
  dispose(): Promise<void>;
}

/** An entry with text for data. */
export function textEntry(index: Index, term: Term, text = `entry ${index}`): Entry {
  return { index, term, type: EntryType.normal, data: new TextEncoder().encode(text) };
}

/** Consecutive entries of one term, `from` up to and including `to`. */
export function textEntries(from: Index, to: Index, term: Term): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => textEntry(from + i, term));
}

/** Appends and waits; what the batch does not name stays. */
export function appendBatch(store: LogStore, batch: Partial<AppendBatch>): Promise<void> {
  return new Promise((resolve, reject) => {
    const nothing = { hardState: null, reset: null, truncateFrom: null, entries: [] };
    store.append({ ...nothing, clearTorn: false, ...batch }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

/** All entries of a store in plain form, so that they compare by value. */
export function readAll(store: LogStore, from: Index, last: Index): Entry[] {
  if (last < from) return [];
  return plain(store.entries(from, last + 1, Number.MAX_SAFE_INTEGER));
}

/** Entries whose data is a plain Uint8Array of its own. */
function plain(entries: readonly Entry[]): Entry[] {
  return entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) }));
}

/** One sentence of the contract: rejects when it is broken. */
export type LogStoreCheck<Storage extends LogStoreStorage = LogStoreStorage> = (
  storage: Storage,
) => Promise<void>;

async function withStore(
  storage: LogStoreStorage,
  body: (store: LogStore, lastIndex: Index) => Promise<void> | void,
): Promise<void> {
  const store = storage.newStore();
  const { lastIndex } = await store.open();
  try {
    await body(store, lastIndex);
  } finally {
    await store.close();
  }
}

/** After a restart the log begins behind `compacted`, an index and its term, and holds these entries. */
async function checkBegun(
  storage: LogStoreStorage,
  [index, term]: readonly [Index, Term],
  entries: readonly Entry[],
): Promise<void> {
  const store = storage.newStore();
  const { compacted, lastIndex } = await store.open();
  assert.deepEqual(compacted, { index, term });
  assert.equal(lastIndex, index + entries.length);
  assert.deepEqual(readAll(store, index + 1, lastIndex), entries);
  await store.close();
}

const checks: Readonly<Record<string, LogStoreCheck>> = {
  'a new log is empty, of term 0, without a vote': async (storage) => {
    const store = storage.newStore();
    const restored = await store.open();
    assert.deepEqual(restored.hardState, { term: 0, votedFor: null });
    assert.deepEqual(restored.compacted, { index: 0, term: 0 });
    assert.equal(restored.lastIndex, 0);
    assert.equal(restored.tornLog, false);
    assert.match(restored.incarnation, /^[0-9a-f]{32}$/);
    assert.equal(store.term(0), 0);
    assert.equal(store.term(1), undefined);
    await store.close();
    const again = storage.newStore();
    assert.equal((await again.open()).incarnation, restored.incarnation);
    await again.close();
  },

  'the first members are kept, the newest ones, also after a restart': async (storage) => {
    const store = storage.newStore();
    assert.equal((await store.open()).bootstrap, null);
    await store.noteBootstrap({ a: 'a:1', b: 'b:1' });
    await store.noteBootstrap({ a: 'a:2', constructor: 'c:1' });
    await appendBatch(store, {
      hardState: { term: 1, votedFor: 'a' },
      entries: textEntries(1, 2, 1),
    });
    await store.close();
    const again = storage.newStore();
    const { bootstrap, lastIndex } = await again.open();
    assert.deepEqual({ ...bootstrap }, { a: 'a:2', constructor: 'c:1' });
    assert.equal(lastIndex, 2);
    await again.close();
  },

  'appended entries are read back, also after a restart': async (storage) => {
    const entries = [
      ...textEntries(1, 5, 1),
      { index: 6, term: 2, type: EntryType.noop, data: new Uint8Array(0) },
      { index: 7, term: 2, type: EntryType.config, data: Uint8Array.of(0, 255, 1) },
    ];
    await withStore(storage, async (store) => {
      await appendBatch(store, { entries: entries.slice(0, 3) });
      await appendBatch(store, { entries: entries.slice(3) });
      assert.deepEqual(readAll(store, 1, 7), entries);
    });
    await withStore(storage, (store, lastIndex) => {
      assert.equal(lastIndex, 7);
      assert.deepEqual(readAll(store, 1, 7), entries);
      assert.deepEqual(readAll(store, 4, 6), entries.slice(3, 6));
      assert.deepEqual(
        [0, 1, 5, 6, 7, 8].map((index) => store.term(index)),
        [0, 1, 1, 2, 2, undefined],
      );
    });
  },

  'an append is answered after it returned': (storage) =>
    withStore(storage, async (store) => {
      let isReturned = false;
      const answered = appendBatch(store, { entries: [textEntry(1, 1)] }).then(() => isReturned);
      isReturned = true;
      assert.equal(await answered, true);
    }),

  'an empty batch is answered': (storage) => withStore(storage, (store) => appendBatch(store, {})),

  'term and vote survive a restart': async (storage) => {
    await withStore(storage, async (store) => {
      await appendBatch(store, { hardState: { term: 3, votedFor: 'b' } });
      await appendBatch(store, { hardState: { term: 2 ** 40, votedFor: null } });
      await appendBatch(store, { hardState: { term: 2 ** 40, votedFor: 'märz' } });
    });
    const store = storage.newStore();
    assert.deepEqual((await store.open()).hardState, { term: 2 ** 40, votedFor: 'märz' });
    await store.close();
  },

  'reading is bounded by bytes and gives at least one entry': (storage) =>
    withStore(storage, async (store) => {
      const big = textEntry(4, 1, 'x'.repeat(100_000));
      await appendBatch(store, { entries: [...textEntries(1, 3, 1), big, textEntry(5, 1)] });
      const indexes = (from: Index, to: Index, bytesMax: number): Index[] =>
        store.entries(from, to, bytesMax).map((entry) => entry.index);
      assert.deepEqual(indexes(1, 6, 1), [1]);
      assert.deepEqual(indexes(1, 6, 0), [1]);
      assert.deepEqual(indexes(1, 6, 1000), [1, 2, 3]);
      assert.deepEqual(indexes(4, 6, 10), [4]);
      assert.deepEqual(indexes(1, 3, 2 ** 40), [1, 2]);
    }),

  'an overwritten tail is gone, also after a restart': async (storage) => {
    const expected = [...textEntries(1, 4, 1), ...textEntries(5, 6, 3)];
    await withStore(storage, async (store) => {
      await appendBatch(store, { entries: textEntries(1, 10, 1) });
      await appendBatch(store, {
        hardState: { term: 3, votedFor: 'c' },
        truncateFrom: 5,
        entries: textEntries(5, 6, 3),
      });
      assert.deepEqual(readAll(store, 1, 6), expected);
      assert.equal(store.term(7), undefined);
      assert.equal(store.term(5), 3);
    });
    await withStore(storage, (store, lastIndex) => {
      assert.equal(lastIndex, 6);
      assert.deepEqual(readAll(store, 1, 6), expected);
    });
  },

  'everything can be overwritten': async (storage) => {
    await withStore(storage, async (store) => {
      await appendBatch(store, { entries: textEntries(1, 3, 1) });
      await appendBatch(store, { truncateFrom: 1, entries: textEntries(1, 2, 2) });
      await appendBatch(store, { truncateFrom: 1 });
      assert.equal(store.term(1), undefined);
      await appendBatch(store, { entries: textEntries(1, 2, 4) });
    });
    await withStore(storage, (store, lastIndex) => {
      assert.deepEqual(readAll(store, 1, lastIndex), textEntries(1, 2, 4));
    });
  },

  'compaction forgets no more than it was asked to': async (storage) => {
    let first = 0;
    await withStore(storage, async (store) => {
      for (let from = 1; from <= 400; from += 10) {
        await appendBatch(store, { entries: textEntries(from, from + 9, 1) });
      }
      await store.compact(250);
      assert.deepEqual(readAll(store, 251, 400), textEntries(251, 400, 1));
      assert.equal(store.term(250), 1);
    });
    await withStore(storage, async (store, lastIndex) => {
      assert.equal(lastIndex, 400);
      assert.deepEqual(readAll(store, 251, 400), textEntries(251, 400, 1));
      await store.compact(380);
      await appendBatch(store, { entries: [textEntry(401, 2)] });
    });
    const store = storage.newStore();
    const { compacted } = await store.open();
    first = compacted.index + 1;
    assert.ok(first <= 381);
    assert.equal(store.term(compacted.index), compacted.term);
    assert.deepEqual(readAll(store, first, 401).at(-1), textEntry(401, 2));
    if (first > 1) {
      assert.throws(() => store.entries(first - 1, first, 1));
      if (first > 2) assert.equal(store.term(first - 2), undefined);
    }
    await store.close();
  },

  'a reset begins a new log behind a position beyond the end': async (storage) => {
    await withStore(storage, async (store) => {
      await appendBatch(store, { entries: textEntries(1, 20, 1) });
      await appendBatch(store, { reset: { index: 50, term: 3 } });
      assert.equal(store.term(50), 3);
      for (const index of [1, 20, 49, 51]) assert.equal(store.term(index), undefined);
      assert.throws(() => store.entries(20, 21, 100));
    });
    await checkBegun(storage, [50, 3], []);
    await withStore(storage, (store) => appendBatch(store, { entries: textEntries(51, 53, 4) }));
    await checkBegun(storage, [50, 3], textEntries(51, 53, 4));
  },

  'a reset gives up a log that conflicts with its position, with term and vote in one batch':
    async (storage) => {
      const hardState = { term: 7, votedFor: null };
      const entries = textEntries(206, 209, 7);
      await withStore(storage, async (store) => {
        for (let from = 1; from <= 400; from += 10) {
          await appendBatch(store, { entries: textEntries(from, from + 9, 1) });
        }
        await store.compact(100);
        await appendBatch(store, { hardState, reset: { index: 205, term: 6 }, entries });
        assert.deepEqual(readAll(store, 206, 209), entries);
        assert.equal(store.term(210), undefined);
      });
      await checkBegun(storage, [205, 6], entries);
      const store = storage.newStore();
      assert.deepEqual((await store.open()).hardState, hardState);
      await store.close();
    },

  'a log that was reset goes on as any other: overwritten, compacted, reset again': async (
    storage,
  ) => {
    await withStore(storage, async (store) => {
      await appendBatch(store, { reset: { index: 10, term: 2 } });
      await appendBatch(store, { entries: textEntries(11, 15, 2) });
      await appendBatch(store, { truncateFrom: 11, entries: textEntries(11, 12, 3) });
      await store.compact(11);
      assert.deepEqual(readAll(store, 12, 12), [textEntry(12, 3)]);
      await appendBatch(store, { reset: { index: 30, term: 3 } });
      await appendBatch(store, { entries: [textEntry(31, 4)] });
    });
    await checkBegun(storage, [30, 3], [textEntry(31, 4)]);
  },

  'a reset to what was compacted is refused': (storage) =>
    withStore(storage, async (store) => {
      await appendBatch(store, { reset: { index: 10, term: 2 } });
      await assert.rejects(appendBatch(store, { reset: { index: 9, term: 2 } }));
    }),

  'entries that do not exist are an error': (storage) =>
    withStore(storage, async (store) => {
      await appendBatch(store, { entries: textEntries(1, 2, 1) });
      assert.throws(() => store.entries(0, 2, 100));
      assert.throws(() => store.entries(3, 4, 100));
      assert.throws(() => store.entries(1, 4, 100));
    }),

  'a batch that does not follow the log is refused, and that is final': (storage) =>
    withStore(storage, async (store) => {
      await appendBatch(store, { entries: textEntries(1, 2, 1) });
      await assert.rejects(appendBatch(store, { entries: [textEntry(4, 1)] }));
      await assert.rejects(appendBatch(store, { entries: [textEntry(3, 1)] }));
    }),

  'large entries survive a restart': async (storage) => {
    const large = textEntry(2, 1, 'abcdefgh'.repeat(130_000));
    await withStore(storage, (store) =>
      appendBatch(store, { entries: [textEntry(1, 1), large, textEntry(3, 1)] }),
    );
    await withStore(storage, (store) => {
      assert.deepEqual(readAll(store, 1, 3), [textEntry(1, 1), large, textEntry(3, 1)]);
    });
  },
};

/** What every `LogStore` must do, as tests of the given runner */
export function logStoreContract(
  name: string,
  makeStorage: () => Promise<LogStoreStorage>,
  runner: TestRunner,
): void {
  runChecks(`${name} keeps the contract of a log store`, checks, makeStorage, runner);
}

/** Makes each check a test, over storage of its own. */
export function runChecks<Storage extends LogStoreStorage>(
  name: string,
  sentences: Readonly<Record<string, LogStoreCheck<Storage>>>,
  makeStorage: () => Promise<Storage>,
  runner: TestRunner,
): void {
  runner.describe(name, () => {
    for (const [sentence, check] of Object.entries(sentences)) {
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
