import type { Entry } from '../../../src/core/types.ts';
import type { RestoredState } from '../../../src/ports.ts';
import { type SegmentLogSettings, SegmentLogStore } from '../../../src/storage/index.ts';
import { readAll } from '../../../src/testing/log-store-contract.ts';
import type { CrashDisk } from './crash-disk.ts';

const settings: SegmentLogSettings = {
  directory: '/log',
  clusterId: 'c',
  segmentBytes: 16_384,
  cacheBytesMax: 0,
  positionIntervalMs: 1000,
};

/** A store over a disk in memory. */
export function storeOn(
  disk: CrashDisk,
  changes: Partial<SegmentLogSettings> = {},
): SegmentLogStore {
  return new SegmentLogStore(
    { ...settings, ...changes },
    { fileSystem: disk, lockDirectory: async () => async () => undefined },
  );
}

/** What an image restores to. */
export interface Restored extends RestoredState {
  readonly log: readonly Entry[];
}

/** Opens a store on what the disk would be after a crash at this moment, and reads everything. */
export async function restoreFrom(disk: CrashDisk): Promise<Restored> {
  const store = storeOn(disk);
  const restored = await store.open();
  const log = readAll(store, restored.compacted.index + 1, restored.lastIndex);
  await store.close();
  return { ...restored, log };
}

/** A copy of a disk as a killed process leaves it, so that damaging it leaves the original whole. */
export function copyOf(disk: CrashDisk): CrashDisk {
  return disk.restart('process');
}
