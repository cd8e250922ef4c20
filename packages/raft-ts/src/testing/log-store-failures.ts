import assert from 'node:assert/strict';
import type { LogStore, RestoredState } from '../ports.ts';
import {
  appendBatch,
  type LogStoreCheck,
  type LogStoreStorage,
  readAll,
  runChecks,
  type TestRunner,
  textEntries,
  textEntry,
} from './log-store-contract.ts';

/** Storage that can be made to fail. */
export interface FallibleStorage extends LogStoreStorage {
  /** The next append to the store that was made last fails. */
  failNext(): void;
}

const before = { hardState: { term: 1, votedFor: 'a' }, entries: textEntries(1, 3, 1) };

/** Appends something, then has `batch` fail; returns what the storage holds after a restart. */
async function restartAfterFailureOf(
  storage: FallibleStorage,
  batch: Parameters<typeof appendBatch>[1],
  inspect: (failed: LogStore, error: unknown) => Promise<void> = async () => undefined,
): Promise<{ restored: RestoredState; store: LogStore }> {
  const failed = storage.newStore();
  await failed.open();
  await appendBatch(failed, before);
  storage.failNext();
  const error = await appendBatch(failed, batch).then(
    () => assert.fail('the append that was made to fail was answered as done'),
    (reason: unknown) => reason,
  );
  await inspect(failed, error);
  await failed.close().catch(() => undefined);
  const store = storage.newStore();
  return { restored: await store.open(), store };
}

const checks: Readonly<Record<string, LogStoreCheck<FallibleStorage>>> = {
  'the first error is final: nothing is written, read or compacted after it': async (storage) => {
    const inspect = async (failed: LogStore): Promise<void> => {
      await assert.rejects(appendBatch(failed, { entries: [textEntry(4, 1)] }));
      await assert.rejects(appendBatch(failed, { hardState: { term: 9, votedFor: 'z' } }));
      await assert.rejects(failed.compact(1));
      assert.throws(() => failed.entries(1, 2, 100));
    };
    const batch = { entries: [textEntry(4, 1, 'fails')] };
    const { restored, store } = await restartAfterFailureOf(storage, batch, inspect);
    assert.deepEqual(restored.hardState, before.hardState);
    const log = readAll(store, 1, restored.lastIndex);
    assert.deepEqual(log.slice(0, 3), before.entries);
    if (log.length > 3) assert.deepEqual(log.slice(3), batch.entries);
    await store.close();
  },

  'what was answered before an error is kept': async (storage) => {
    const batch = { truncateFrom: 3, entries: textEntries(3, 5, 2) };
    const { restored, store } = await restartAfterFailureOf(storage, batch);
    const log = readAll(store, 1, restored.lastIndex);
    assert.deepEqual(restored.hardState, before.hardState);
    assert.deepEqual(log.slice(0, 2), before.entries.slice(0, 2));
    // The truncation may have come through without the entries: they go together or one after the other.
    const rest = [before.entries.slice(2), [], batch.entries];
    assert.ok(rest.some((one) => isEqual(one, log.slice(2))));
    await store.close();
  },

  'a vote that failed is the new one or the old one, and entries never come without their term':
    async (storage) => {
      const batch = { hardState: { term: 5, votedFor: null }, entries: [textEntry(4, 5)] };
      const { restored, store } = await restartAfterFailureOf(storage, batch);
      const states = [before.hardState, batch.hardState];
      assert.ok(states.some((one) => isEqual(one, restored.hardState)));
      if (restored.lastIndex > 3) assert.deepEqual(restored.hardState, batch.hardState);
      await store.close();
    },
};

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

/** What every `LogStore` must do when its disk fails, as tests of the given runner. */
export function logStoreFailureContract(
  name: string,
  makeStorage: () => Promise<FallibleStorage>,
  runner: TestRunner,
): void {
  runChecks(`${name} keeps the contract of a log store that fails`, checks, makeStorage, runner);
}
