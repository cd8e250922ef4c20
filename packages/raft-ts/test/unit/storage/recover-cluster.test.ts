import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeConfig, initialConfig } from '../../../src/core/config.ts';
import { type ClusterConfig, type Entry, EntryType } from '../../../src/core/types.ts';
import type { AppendBatch } from '../../../src/ports.ts';
import {
  FaultyFileSystem,
  FileSnapshotStore,
  nodeFileSystem,
  recoverCluster,
  SegmentLogStore,
} from '../../../src/storage/index.ts';

const clusterId = 'c';
const members = { a: '127.0.0.1:7001' };
const recovered = (generation: number): ClusterConfig => ({
  ...initialConfig(members),
  generation,
});
const nothing: AppendBatch = {
  ...{ hardState: null, reset: null, truncateFrom: null, entries: [], clearTorn: false },
};

describe('L4 recoverCluster on one directory', () => {
  let top: string;
  let directory: string;

  beforeEach(() => {
    top = mkdtempSync(path.join(tmpdir(), 'raft-ts-recover-'));
    directory = path.join(top, 'log');
  });
  afterEach(() => rmSync(top, { recursive: true }));

  function newSnapshots(): FileSnapshotStore {
    return new FileSnapshotStore({ directory: path.join(top, 'snapshots'), clusterId });
  }

  async function withStore<T>(use: (store: SegmentLogStore) => Promise<T>): Promise<T> {
    const store = new SegmentLogStore({ directory, clusterId, segmentBytes: 4096 });
    await store.open();
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  }

  function append(store: SegmentLogStore, batch: Partial<AppendBatch>): Promise<void> {
    return new Promise((resolve, reject) => {
      store.append({ ...nothing, ...batch }, (error) => (error ? reject(error) : resolve()));
    });
  }

  function entries(first: number, count: number, term: number, bytes = 10): Entry[] {
    return Array.from({ length: count }, (_, i) => ({
      ...{ index: first + i, term, type: EntryType.normal, data: new Uint8Array(bytes) },
    }));
  }

  async function newestEntry(): Promise<Entry> {
    return withStore(async (store) => {
      return store.entries(store.lastIndex, store.lastIndex + 1, 1)[0]!;
    });
  }

  it('begins a term above every one that the directory knows, and votes for nobody in it', async () => {
    await withStore((store) =>
      append(store, { hardState: { term: 9, votedFor: 'b' }, entries: entries(1, 3, 4) }),
    );
    const recovery = await recoverCluster({ directory, clusterId, members });
    expect(recovery).toEqual({
      ...{ config: recovered(1), configIndex: 4, term: 10, lastIndex: 3, wasTorn: false },
    });
    expect(await newestEntry()).toMatchObject({ index: 4, term: 10, type: EntryType.config });
    const store = new SegmentLogStore({ directory, clusterId });
    expect((await store.open()).hardState).toEqual({ term: 10, votedFor: null });
    await store.close();
  });

  it('finds the generation in the log, the snapshot or the state machine, wherever it is newest', async () => {
    const config = { ...initialConfig({ b: 'b:1' }), featureLevel: 3, generation: 4 };
    await withStore(async (store) => {
      const inLog = { index: 1, term: 1, type: EntryType.config, data: encodeConfig(config) };
      await append(store, { entries: [inLog, ...entries(2, 40, 1, 500)] });
      await append(store, { entries: entries(42, 40, 1, 500) });
    });
    const options = { directory, clusterId, members };
    const { config: first } = await recoverCluster(options);
    expect(first).toEqual({ ...recovered(5), featureLevel: 3 });
    await withStore(async (store) => {
      await append(store, { entries: entries(83, 40, 2, 500) });
      await append(store, { entries: entries(123, 1, 2, 500) });
      await store.compact(100);
      expect(store.firstIndex).toBeGreaterThan(82);
    });
    const snapshots = newSnapshots();
    await snapshots.open();
    await new Promise((resolve) => {
      const position = { lastIndex: 90, lastTerm: 2, config: first, configIndex: 82 };
      snapshots.create(position, [Uint8Array.of(1)], resolve);
    });
    await snapshots.close();
    const { config: second } = await recoverCluster(options, { snapshots: newSnapshots() });
    expect(second.generation).toBe(6);
    const appliedConfig = { ...first, generation: 20 };
    const { config: third } = await recoverCluster(
      { ...options, appliedConfig },
      { snapshots: newSnapshots() },
    );
    // The log holds what the second recovery wrote.
    expect(third.generation).toBe(7);
  });

  it('goes on behind a snapshot that the log had not reached', async () => {
    await withStore((store) => append(store, { entries: entries(1, 3, 1) }));
    const snapshots = newSnapshots();
    await snapshots.open();
    const config = { ...initialConfig({ b: 'b:1' }), generation: 2 };
    await new Promise((resolve) => {
      const position = { lastIndex: 50, lastTerm: 7, config, configIndex: 40 };
      snapshots.create(position, [Uint8Array.of(1)], resolve);
    });
    await snapshots.close();
    const recovery = await recoverCluster(
      { directory, clusterId, members },
      { snapshots: newSnapshots() },
    );
    expect(recovery).toMatchObject({ configIndex: 51, term: 8, lastIndex: 50 });
    expect(recovery.config.generation).toBe(3);
    await withStore(async (store) => {
      expect([store.firstIndex, store.lastIndex, store.term(50)]).toEqual([51, 51, 7]);
    });
  });

  it('gives up a log that conflicts with the snapshot, as the next start would with all that is in it', async () => {
    await withStore((store) => append(store, { entries: entries(1, 60, 1) }));
    const snapshots = newSnapshots();
    await snapshots.open();
    const config = { ...initialConfig({ b: 'b:1' }), generation: 2 };
    await new Promise((resolve) => {
      const position = { lastIndex: 50, lastTerm: 7, config, configIndex: 40 };
      snapshots.create(position, [Uint8Array.of(1)], resolve);
    });
    await snapshots.close();
    const options = { directory, clusterId, members };
    const recovery = await recoverCluster(options, { snapshots: newSnapshots() });
    expect(recovery).toMatchObject({ config: recovered(3), configIndex: 51, lastIndex: 50 });
    await withStore(async (store) => {
      expect([store.firstIndex, store.lastIndex, store.term(50)]).toEqual([51, 51, 7]);
    });
  });

  it('a disk that refuses leaves a directory that can be recovered again', async () => {
    let failures = 0;
    for (let nth = 1; nth <= 20; nth++) {
      const target = { directory: path.join(directory, String(nth)), clusterId, members };
      const store = new SegmentLogStore({ ...target, segmentBytes: 4096 });
      await store.open();
      await append(store, { entries: entries(1, 3, 1) });
      await store.close();
      const effect = { kind: 'error', code: 'EIO' } as const;
      const fault = { call: 'write', nth, isLasting: true, effect } as const;
      const fileSystem = new FaultyFileSystem(nodeFileSystem, [fault]);
      const first = await recoverCluster(target, { fileSystem }).catch((error: Error) => error);
      if (first instanceof Error) failures++;
      const second = await recoverCluster(target);
      expect(second.config.generation).toBeGreaterThanOrEqual(first instanceof Error ? 1 : 2);
      expect(second.lastIndex).toBeGreaterThanOrEqual(3);
    }
    expect(failures).toBeGreaterThan(3);
  });
});
