import { describe, expect, it, vi } from 'vitest';
import type { SnapshotMeta } from '../../../src/core/types.ts';
import type { FileSnapshotStore } from '../../../src/storage/index.ts';
import { CrashDisk, type CrashMode } from './crash-disk.ts';
import { seededRandom } from './random.ts';
import {
  contentOf,
  create,
  currentContent,
  finish,
  metaOf,
  piecesOf,
  receive,
  receiveAll,
  storeOn,
  write,
} from './snapshot-files.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const contents = new Map(
  [4, 8, 12].map((lastIndex) => [lastIndex, contentOf(280_000 + lastIndex, lastIndex)]),
);
const metaAt = (lastIndex: number): SnapshotMeta => metaOf(lastIndex, contents.get(lastIndex)!);

/** What a member was told, or will be told: the indexes that may be current. */
interface Told {
  done: number;
  doing: number;
}

/** Makes one, receives one in two attempts, makes one more. */
async function live(store: FileSnapshotStore, told: Told): Promise<void> {
  told.done = (await store.open())?.lastIndex ?? 0;
  told.doing = 4;
  await create(store, 4, piecesOf(contents.get(4)!, 100_000));
  told.done = 4;
  const content = contents.get(8)!;
  const first = await receive(store, metaAt(8));
  await write(first, content.subarray(0, 270_000));
  first.close();
  told.doing = 8;
  const second = await receive(store, metaAt(8));
  await write(second, content.subarray(second.offset));
  await finish(second);
  told.done = 8;
  told.doing = 12;
  await create(store, 12, piecesOf(contents.get(12)!, 100_000));
  told.done = 12;
  await store.close();
}

async function expectOneOf(store: FileSnapshotStore, told: Told): Promise<number> {
  const meta = await store.open();
  const lastIndex = meta?.lastIndex ?? 0;
  expect([told.done, told.doing]).toContain(lastIndex);
  if (meta === null) return 0;
  expect(meta).toEqual(metaAt(lastIndex));
  const content = await currentContent(store);
  expect(Buffer.compare(content!, contents.get(lastIndex)!)).toBe(0);
  return lastIndex;
}

async function callsOfOneLife(): Promise<number> {
  const disk = new CrashDisk(seededRandom(1));
  await live(storeOn(disk), { done: 0, doing: 0 });
  return disk.calls;
}

describe('T5: a crash between any two steps on the disk', () => {
  it.each<CrashMode>(['process', 'prefix', 'sectors'])(
    'leaves the old or the new snapshot, whole, never neither (%s)',
    async (mode) => {
      const calls = await callsOfOneLife();
      const seen = new Set<string>();
      for (let round = 0; round < 4 * calls; round++) {
        const disk = new CrashDisk(seededRandom(round));
        const crashed = disk.crashAfter(1 + (round % calls));
        const told: Told = { done: 0, doing: 0 };
        await Promise.race([live(storeOn(disk), told), crashed]);
        const after = disk.restart(mode);
        const store = storeOn(after);
        const found = await expectOneOf(store, told);
        seen.add(`${told.done} ${found}`);
        // Life goes on: what is left over is in nobody's way.
        const next = [4, 8, 12].find((lastIndex) => lastIndex > found);
        if (next !== undefined) await receiveAll(store, metaAt(next), contents.get(next)!);
        expect((await currentContent(store))?.length).toBe(contents.get(next ?? 12)!.length);
        await store.close();
        expect(after.images().size).toBe(2);
      }
      for (const outcome of ['0 0', '0 4', '4 4', '4 8', '8 8', '8 12']) {
        expect(seen).toContain(outcome);
      }
    },
  );

  it('what the store said at open stays, though the process before it never synced it', async () => {
    const calls = await callsOfOneLife();
    // Of what was not synced the power cut leaves nothing.
    const nothingMore = () => 0;
    for (let call = 1; call <= calls; call++) {
      const disk = new CrashDisk(nothingMore);
      const crashed = disk.crashAfter(call);
      const told: Told = { done: 0, doing: 0 };
      await Promise.race([live(storeOn(disk), told), crashed]);
      const killed = disk.restart('process');
      const found = await expectOneOf(storeOn(killed), told);
      const cut = storeOn(killed.restart('prefix'));
      expect((await cut.open())?.lastIndex ?? 0).toBe(found);
    }
  });

  it('what was received and synced before a power cut is not sent again', async () => {
    const disk = new CrashDisk(() => 0);
    const content = contentOf(20_000_000, 6);
    const store = storeOn(disk);
    await store.open();
    const writer = await receive(store, metaOf(9, content));
    await write(writer, content.subarray(0, 19_000_000));
    const again = storeOn(disk.restart('prefix'));
    expect(await again.open()).toBeNull();
    const resumed = await receive(again, metaOf(9, content));
    expect(resumed.offset).toBeGreaterThanOrEqual(16_000_000);
    await write(resumed, content.subarray(resumed.offset));
    await finish(resumed);
    expect(Buffer.compare((await currentContent(again))!, content)).toBe(0);
  });
});
