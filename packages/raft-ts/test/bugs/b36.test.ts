import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  FaultyFileSystem,
  nodeFileSystem,
  SegmentLogStore,
  StorageFailedError,
} from '../../src/storage/index.ts';
import { appendBatch, textEntry } from '../../src/testing/log-store-contract.ts';
import { appendOf, CoreBench } from '../unit/core-bench.ts';
import { voteOf } from '../unit/core-messages.ts';

describe('B36 vote and log are written in another order', () => {
  it('the term is in the same append as the first entries of that term', () => {
    const bench = new CoreBench({ log: [1], term: 1 });
    bench.core.step(appendOf('b', 5, [1, 1], [5]));
    bench.run();
    expect(bench.pending).toMatchObject({
      hardState: { term: 5, votedFor: null },
      entries: [{ index: 2, term: 5 }],
    });
    bench.sync();
    expect(bench.store.hardState.term).toBe(5);
    expect(bench.store.term(2)).toBe(5);
  });

  it('no second append is handed out before the first is done', () => {
    const bench = new CoreBench();
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    const { id } = bench.pending!;
    bench.core.step(appendOf('c', 2, [0, 0], [2]));
    bench.core.step(voteOf('b', 3, [9, 2], { transfer: true }));
    // `run` would hand a second one to the store, which refuses it.
    bench.run();
    expect(bench.pending?.id).toBe(id);
    bench.sync();
    expect(bench.pending).toMatchObject({
      hardState: { term: 3, votedFor: 'b' },
      truncateFrom: 1,
      entries: [{ index: 1, term: 2 }],
    });
  });

  it('a vote that cannot be written keeps the entries of its batch from the log', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-b36-'));
    const disk = new FaultyFileSystem(nodeFileSystem);
    const settings = { directory, clusterId: 'c', segmentBytes: 8192 };
    const store = new SegmentLogStore(settings, { fileSystem: disk });
    await store.open();
    disk.add({ call: 'dataSync', nth: 1, path: 'vote', effect: { kind: 'error', code: 'EIO' } });
    const batch = { hardState: { term: 5, votedFor: null }, entries: [textEntry(1, 5)] };
    await expect(appendBatch(store, batch)).rejects.toThrow(StorageFailedError);
    await store.close();
    const again = new SegmentLogStore(settings);
    expect(await again.open()).toMatchObject({ lastIndex: 0 });
    await again.close();
    rmSync(directory, { recursive: true });
  });
});
