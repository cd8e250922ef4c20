import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'vitest';
import {
  type Fault,
  FaultyFileSystem,
  nodeFileSystem,
  SegmentLogStore,
} from '../../src/storage/index.ts';
import { type AppendFault, FaultyLogStore } from '../../src/testing/faulty-log-store.ts';
import { logStoreContract } from '../../src/testing/log-store-contract.ts';
import {
  type FallibleStorage,
  logStoreFailureContract,
} from '../../src/testing/log-store-failures.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';

const runner = { describe, it };

/** A segment log in a directory of its own, on a disk with these faults. */
async function segmentLog(
  cacheBytesMax: number,
  lasting: readonly Fault[] = [],
  next: Fault | null = null,
): Promise<FallibleStorage> {
  const directory = await mkdtemp(path.join(tmpdir(), 'raft-ts-contract-'));
  const options = { directory, clusterId: 'c', segmentBytes: 8192, cacheBytesMax };
  let disk = new FaultyFileSystem(nodeFileSystem, lasting);
  return {
    newStore: () => {
      disk = new FaultyFileSystem(nodeFileSystem, lasting);
      return new SegmentLogStore(options, { fileSystem: disk });
    },
    failNext: () => disk.add(next!),
    dispose: () => rm(directory, { recursive: true }),
  };
}

function memoryLog(fault: AppendFault = 'before-durable'): Promise<FallibleStorage> {
  const inner = new MemoryLogStore();
  let store = new FaultyLogStore(inner);
  return Promise.resolve({
    newStore: () => {
      store = new FaultyLogStore(inner);
      return store;
    },
    failNext: () => store.failNext(fault),
    dispose: () => Promise.resolve(),
  });
}

for (const cacheBytesMax of [0, 1_000_000]) {
  const name = `SegmentLogStore with ${cacheBytesMax} bytes of cache`;
  logStoreContract(name, () => segmentLog(cacheBytesMax), runner);
}

const slow: readonly Fault[] = (['write', 'dataSync', 'truncate', 'rename'] as const).map(
  (call) => ({ call, nth: 1, isLasting: true, effect: { kind: 'delay', delayMs: 1 } }),
);
logStoreContract('SegmentLogStore on a slow disk', () => segmentLog(0, slow), runner);

logStoreContract(
  'MemoryLogStore',
  async () => {
    const store = new MemoryLogStore();
    return { newStore: () => store, dispose: () => Promise.resolve() };
  },
  runner,
);

logStoreContract('FaultyLogStore without a fault', () => memoryLog(), runner);

for (const fault of ['before-durable', 'after-durable'] as const) {
  logStoreFailureContract(`FaultyLogStore, ${fault}`, () => memoryLog(fault), runner);
}

const failures: Readonly<Record<string, Omit<Fault, 'nth'>>> = {
  'a write that fails (EIO)': { call: 'write', effect: { kind: 'error', code: 'EIO' } },
  'a full disk (ENOSPC)': { call: 'write', effect: { kind: 'error', code: 'ENOSPC' } },
  'a torn write': { call: 'write', effect: { kind: 'tear', bytes: 40 } },
  'a sync that fails (EIO)': { call: 'dataSync', effect: { kind: 'error', code: 'EIO' } },
};
for (const [name, fault] of Object.entries(failures)) {
  for (const file of ['', '.segment']) {
    const where = file === '' ? 'any file' : 'a segment';
    logStoreFailureContract(
      `SegmentLogStore with ${name} in ${where}`,
      () => segmentLog(0, [], { ...fault, nth: 1, path: file }),
      runner,
    );
  }
}
