import { describe, it } from 'vitest';
import { MemorySnapshotStore } from '../../src/testing/memory-snapshot-store.ts';
import { snapshotStoreContract } from '../../src/testing/snapshot-store-contract.ts';

snapshotStoreContract(
  'MemorySnapshotStore',
  () => {
    const store = new MemorySnapshotStore();
    return Promise.resolve({ newStore: () => store, dispose: () => Promise.resolve() });
  },
  { describe, it },
);
