import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'vitest';
import { SegmentLogStore } from '../../src/storage/index.ts';
import { logStoreContract } from '../../src/testing/log-store-contract.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';

const runner = { describe, it };

for (const cacheBytesMax of [0, 1_000_000]) {
  logStoreContract(
    `SegmentLogStore with ${cacheBytesMax} bytes of cache`,
    async () => {
      const directory = await mkdtemp(path.join(tmpdir(), 'raft-ts-contract-'));
      const options = { directory, clusterId: 'c', segmentBytes: 8192, cacheBytesMax };
      return {
        newStore: () => new SegmentLogStore(options),
        dispose: () => rm(directory, { recursive: true }),
      };
    },
    runner,
  );
}

logStoreContract(
  'MemoryLogStore',
  () => {
    const store = new MemoryLogStore();
    return Promise.resolve({ newStore: () => store, dispose: () => Promise.resolve() });
  },
  runner,
);
