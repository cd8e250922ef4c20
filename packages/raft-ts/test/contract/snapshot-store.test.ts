import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'vitest';
import { FaultyFileSystem, FileSnapshotStore, nodeFileSystem } from '../../src/storage/index.ts';
import { MemorySnapshotStore } from '../../src/testing/memory-snapshot-store.ts';
import { snapshotStoreContract } from '../../src/testing/snapshot-store-contract.ts';

const runner = { describe, it };

/** A disk on which steps take turns to be late: what relies on their order by luck does not hold here. */
function slowDisk(): FaultyFileSystem {
  const disk = new FaultyFileSystem(nodeFileSystem);
  for (const [i, call] of (['write', 'dataSync', 'syncDirectory', 'read'] as const).entries()) {
    const effect = { kind: 'delay', delayMs: 1 + i } as const;
    disk.add({ call, nth: 1 + i, effect, isLasting: true });
  }
  return disk;
}

for (const [name, newDisk] of [
  ['FileSnapshotStore', () => nodeFileSystem],
  ['FileSnapshotStore on a slow disk', slowDisk],
] as const) {
  snapshotStoreContract(
    name,
    async () => {
      const directory = await mkdtemp(path.join(tmpdir(), 'raft-ts-contract-'));
      return {
        newStore: () =>
          new FileSnapshotStore({ directory, clusterId: 'c' }, { fileSystem: newDisk() }),
        dispose: () => rm(directory, { recursive: true }),
      };
    },
    runner,
  );
}

snapshotStoreContract(
  'MemorySnapshotStore',
  () => {
    const store = new MemorySnapshotStore();
    return Promise.resolve({ newStore: () => store, dispose: () => Promise.resolve() });
  },
  runner,
);
