import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Message } from '../../src/core/message.ts';
import { MemberFailedError } from '../../src/errors.ts';
import {
  type FaultEffect,
  FaultyFileSystem,
  nodeFileSystem,
  SegmentLogStore,
  StorageFailedError,
} from '../../src/storage/index.ts';
import { appendBatch, textEntries, textEntry } from '../../src/testing/log-store-contract.ts';
import {
  awaitLeader,
  closeCluster,
  LocalNetwork,
  openCluster,
} from '../unit/node-local-cluster.ts';

describe('B21 a member goes on after a failed write or sync', { timeout: 60_000 }, () => {
  const made: string[] = [];
  const newDirectory = (): string => {
    const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-b21-'));
    made.push(directory);
    return directory;
  };
  afterEach(() => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
  });

  const effects: readonly FaultEffect[] = [
    { kind: 'error', code: 'EIO' },
    { kind: 'error', code: 'ENOSPC' },
  ];
  const calls = ['write', 'dataSync'] as const;
  const cases = calls.flatMap((call) => effects.map((effect) => ({ call, effect })));

  it.each(cases)(
    '$call failing once with $effect.code stops the log for good',
    async ({ call, effect }) => {
      const directory = newDirectory();
      const disk = new FaultyFileSystem(nodeFileSystem);
      const store = new SegmentLogStore(
        { directory, clusterId: 'c', segmentBytes: 8192 },
        { fileSystem: disk },
      );
      await store.open();
      await appendBatch(store, { entries: textEntries(1, 3, 1) });
      disk.add({ call, nth: 1, path: '.segment', effect });
      const batch = { entries: [textEntry(4, 1)] };
      await expect(appendBatch(store, batch)).rejects.toThrow(StorageFailedError);
      const written = disk.calls('write');
      const synced = disk.calls('dataSync');
      await expect(appendBatch(store, batch)).rejects.toBe(store.failure);
      await expect(appendBatch(store, { hardState: { term: 9, votedFor: null } })).rejects.toBe(
        store.failure,
      );
      await expect(store.compact(2)).rejects.toBe(store.failure);
      expect(store.failure?.cause).toMatchObject({ code: (effect as { code: string }).code });
      await store.close();
      expect([disk.calls('write'), disk.calls('dataSync')]).toEqual([written, synced]);
    },
  );

  it('the driver stops at the first error, sends nothing more and does not try again', async () => {
    const network = new LocalNetwork();
    const cluster = await openCluster(['a', 'b', 'c'], network);
    const leaderId = await awaitLeader(cluster);
    const leader = cluster.get(leaderId)!;
    const { node, store } = [...cluster.values()].find((member) => member !== leader)!;
    let isFailed = false;
    const late: Message[] = [];
    let attempts = 0;
    const append = store.append.bind(store);
    store.append = (batch, done) => {
      attempts++;
      // The first write fails, all later ones would succeed.
      if (attempts === 1) queueMicrotask(() => done(new Error('EIO')));
      else append(batch, done);
    };
    network.onSend = (message) => {
      if (isFailed && message.from === node.id) late.push(message);
    };
    const failed = new Promise<Error>((resolve) => {
      node.on('storageFailed', (error) => {
        isFailed = true;
        resolve(error);
      });
    });
    await leader.node.propose(Uint8Array.of(1));
    expect(await failed).toBeInstanceOf(MemberFailedError);
    for (let i = 0; i < 20; i++) await leader.node.propose(Uint8Array.of(i));
    expect(attempts).toBe(1);
    expect(late).toEqual([]);
    expect(node.status().stopped).toBeInstanceOf(MemberFailedError);
    await closeCluster(cluster);
  });
});
