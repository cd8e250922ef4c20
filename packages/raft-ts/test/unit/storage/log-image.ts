import type { Entry } from '../../../src/core/types.ts';
import type { RestoredState } from '../../../src/ports.ts';
import { type SegmentLogSettings, SegmentLogStore } from '../../../src/storage/index.ts';
import { appendBatch, readAll, textEntry } from '../../../src/testing/log-store-contract.ts';
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

/** Term and vote that `fillLog` leaves. */
export const filledHardState = { term: 400, votedFor: 'b' };

/**
 * Writes 400 entries: groups of one to four entries over several segments, an overwritten tail among them.
 *
 * @returns What the log holds in the end.
 */
export async function fillLog(
  disk: CrashDisk,
  random: () => number,
  isClosed: boolean,
  compactTo = 0,
): Promise<readonly Entry[]> {
  const upTo = (count: number): number => Math.floor(random() * (count + 1));
  const store = storeOn(disk);
  await store.open();
  await appendBatch(store, { hardState: filledHardState });
  let log: Entry[] = [];
  let isOverwritten = false;
  while (log.length < 400) {
    const truncateFrom: number | null = log.length === 200 && !isOverwritten ? 190 : null;
    isOverwritten ||= truncateFrom !== null;
    if (truncateFrom !== null) log = log.slice(0, truncateFrom - 1);
    const from = log.length + 1;
    const count = Math.min(1 + upTo(3), log.length < 200 ? 200 - log.length : 400 - log.length);
    const term = truncateFrom === null ? (log.at(-1)?.term ?? 1) : 7;
    const text = 'x'.repeat(upTo(200));
    const entries = Array.from({ length: count }, (_, i) => textEntry(from + i, term, text));
    await appendBatch(store, { truncateFrom, entries });
    log = [...log, ...entries];
  }
  if (compactTo > 0) await store.compact(compactTo);
  const { firstIndex } = store;
  if (isClosed) await store.close();
  return log.slice(firstIndex - 1);
}

/** `toEqual` takes its time over each byte. */
export function isSame(found: readonly Entry[], expected: readonly Entry[]): boolean {
  return (
    found.length === expected.length &&
    found.every(({ index, term, data }, i) => {
      const other = expected[i]!;
      return index === other.index && term === other.term && Buffer.compare(data, other.data) === 0;
    })
  );
}
