import { describe, expect, it } from 'vitest';
import { SegmentLogStore } from '../../../src/storage/segment-log-store.ts';
import { appendBatch, textEntry } from '../../../src/testing/log-store-contract.ts';
import { Random } from '../../../src/testing/random.ts';
import { SimClock } from '../../../src/testing/sim-clock.ts';
import { SimDisk } from '../../../src/testing/sim-disk.ts';

const clock = new SimClock();
const disk = new SimDisk({ clock, random: new Random(1), latencyMs: () => 1 });

/** Lets virtual time pass until `promise` is settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const mark = () => {
    isSettled = true;
  };
  promise.then(mark, mark);
  while (!isSettled) {
    await new Promise(setImmediate);
    await clock.play(clock.nowMs() + 1);
  }
  return promise;
}

async function open(): Promise<{ store: SegmentLogStore; lastIndex: number }> {
  const store = new SegmentLogStore(
    { directory: '/log', clusterId: 'c', segmentBytes: 16_384 },
    { fileSystem: disk, lockDirectory: async () => async () => undefined },
  );
  const { lastIndex } = await settled(store.open());
  return { store, lastIndex };
}

describe('L1 page cache', () => {
  it('an entry whose sync failed is written again when the member starts on the same kernel', async () => {
    const first = await open();
    await settled(appendBatch(first.store, { entries: [textEntry(1, 1)] }));
    // The next segment is prepared in the background: that must be over, for the sync that fails to be the entry's.
    await clock.play(clock.nowMs() + 1_000);
    disk.refuse('EIO');
    await expect(settled(appendBatch(first.store, { entries: [textEntry(2, 1)] }))).rejects.toThrow(
      /the disk refused/,
    );
    // Only the process ends: the page cache still shows entry 2, and calls it clean.
    disk.crash('process');
    const second = await open();
    expect(second.lastIndex).toBe(2);
    // What a start has found counts, so a power cut must not take it.
    disk.crash('sectors');
    expect((await open()).lastIndex).toBe(2);
  });
});
