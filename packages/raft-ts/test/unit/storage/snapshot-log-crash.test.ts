import { expect, it, vi } from 'vitest';
import type { SegmentLogStore } from '../../../src/storage/index.ts';
import { appendBatch, textEntries } from '../../../src/testing/log-store-contract.ts';
import { CrashDisk, type CrashMode } from './crash-disk.ts';
import { storeOn as logOn } from './log-image.ts';
import { seededRandom } from './random.ts';
import { contentOf, currentContent, metaOf, receiveAll, storeOn } from './snapshot-files.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const content = contentOf(300_000);
const meta = metaOf(30, content);
const before = textEntries(1, 12, 1);

/** A member with a short log receives a snapshot of entry 30, begins its log behind that, and goes on. */
async function live(disk: CrashDisk, log: SegmentLogStore): Promise<void> {
  const snapshots = storeOn(disk);
  await log.open();
  await snapshots.open();
  await appendBatch(log, { hardState: { term: 1, votedFor: null }, entries: before });
  await receiveAll(snapshots, meta, content);
  const reset = { index: meta.lastIndex, term: meta.lastTerm };
  await appendBatch(log, { hardState: { term: 3, votedFor: null }, reset });
  await appendBatch(log, { entries: textEntries(31, 33, 3) });
  await log.close();
  await snapshots.close();
}

async function callsOfOneLife(): Promise<number> {
  const disk = new CrashDisk(seededRandom(1));
  await live(disk, logOn(disk));
  return disk.calls;
}

it.each<CrashMode>(['process', 'prefix', 'sectors'])(
  'B22 T5: a crash between any two steps of snapshot and log leaves no gap between them (%s)',
  async (mode) => {
    const calls = await callsOfOneLife();
    const seen = new Set<string>();
    for (let round = 0; round < 3 * calls; round++) {
      const disk = new CrashDisk(seededRandom(round));
      const crashed = disk.crashAfter(1 + (round % calls));
      await Promise.race([live(disk, logOn(disk)), crashed]);
      const after = disk.restart(mode);
      const snapshots = storeOn(after);
      const snapshot = await snapshots.open();
      const log = logOn(after);
      const { compacted, lastIndex } = await log.open();
      // What the log no longer holds is in a snapshot that is whole.
      expect(compacted.index).toBeLessThanOrEqual(snapshot?.lastIndex ?? 0);
      expect([0, meta.lastIndex]).toContain(compacted.index);
      if (snapshot !== null) {
        expect(Buffer.compare((await currentContent(snapshots))!, content)).toBe(0);
      }
      if (compacted.index === 0) expect(lastIndex).toBeLessThanOrEqual(before.length);
      else expect(log.term(meta.lastIndex)).toBe(meta.lastTerm);
      seen.add(`${snapshot?.lastIndex ?? 0} ${compacted.index}`);
      await log.close();
      await snapshots.close();
    }
    expect([...seen].sort()).toEqual(['0 0', '30 0', '30 30']);
  },
);
