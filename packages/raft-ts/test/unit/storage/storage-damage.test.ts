import { describe, expect, it, vi } from 'vitest';
import { StorageCorruptionError } from '../../../src/storage/index.ts';
import { appendBatch, textEntries, textEntry } from '../../../src/testing/log-store-contract.ts';
import { CrashDisk } from './crash-disk.ts';
import { copyOf, fillLog, restoreFrom, storeOn } from './log-image.ts';
import { seededRandom } from './random.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const random = seededRandom(20);
const upTo = (count: number): number => Math.floor(random() * (count + 1));

const newDisk = (): CrashDisk => new CrashDisk(random, () => Promise.resolve());

const headerBytes = 4096;
const footerBytes = 64;
const vote = '/log/vote';
const segment = (sequence: number): string => `/log/${String(sequence).padStart(16, '0')}.segment`;

describe('rule L3, what a damaged log means', () => {
  const text = 'y'.repeat(100);
  const recordBytes = 32 + 104;
  const groups = [textEntries(1, 2, 1), textEntries(3, 5, 1)].map((entries) =>
    entries.map((entry) => textEntry(entry.index, 1, text)),
  );
  const body = headerBytes + 2 * recordBytes + footerBytes;
  const footer = body + 3 * recordBytes;
  const end = footer + footerBytes;

  /** Two groups, the vote file not naming them yet. */
  async function twoGroups(): Promise<CrashDisk> {
    const disk = newDisk();
    const store = storeOn(disk);
    await store.open();
    for (const entries of groups) await appendBatch(store, { entries });
    return copyOf(disk);
  }

  const flip = (disk: CrashDisk, offset: number): void => {
    disk.images().get(segment(1))![offset]! ^= 0x10;
  };

  it('L3: damage before the last group is corruption, also in a footer', async () => {
    for (const offset of [headerBytes + 40, body - 20]) {
      const disk = await twoGroups();
      flip(disk, offset);
      await expect(restoreFrom(disk)).rejects.toThrow(StorageCorruptionError);
    }
  });

  it('L3: damage in a group whose footer is whole is corruption', async () => {
    const disk = await twoGroups();
    flip(disk, body + 50);
    await expect(restoreFrom(disk)).rejects.toThrow(/a whole footer follows/);
  });

  it('L3: a whole body with a damaged footer is complete, and the log goes on behind it', async () => {
    for (let offset = footer; offset < end; offset++) {
      const disk = await twoGroups();
      flip(disk, offset);
      const { tornLog, log } = await restoreFrom(disk);
      // Groups behind it could have gone with it.
      expect(tornLog).toBe(true);
      expect(log).toEqual(groups.flat());
      const store = storeOn(disk);
      await store.open();
      await appendBatch(store, { entries: [textEntry(6, 1)] });
      await store.close();
      expect((await restoreFrom(disk)).log).toEqual([...groups.flat(), textEntry(6, 1)]);
    }
  });

  it('L3: a group that was written up to any byte is whole or is cut with the torn mark', async () => {
    for (let cut = body + 1; cut < end; cut++) {
      const disk = await twoGroups();
      disk.images().get(segment(1))!.fill(0, cut);
      const { tornLog, log } = await restoreFrom(disk);
      // Trailing zeros are part of what was written: such a cut changes nothing.
      if (log.length === 5) {
        expect(cut).toBeGreaterThanOrEqual(footer - 4);
      } else {
        expect(log).toEqual(groups[0]);
        expect(tornLog).toBe(true);
      }
    }
  });

  it('L3: the torn mark stays until a batch clears it', async () => {
    const disk = await twoGroups();
    disk
      .images()
      .get(segment(1))!
      .fill(0, footer - 20);
    expect((await restoreFrom(disk)).tornLog).toBe(true);
    expect((await restoreFrom(disk)).tornLog).toBe(true);
    const store = storeOn(disk);
    await store.open();
    await appendBatch(store, { entries: [textEntry(3, 2)] });
    await store.close();
    expect((await restoreFrom(disk)).tornLog).toBe(true);
    const leveled = storeOn(disk);
    await leveled.open();
    await appendBatch(leveled, { entries: [textEntry(4, 2)], clearTorn: true });
    await leveled.close();
    const { tornLog, log } = await restoreFrom(disk);
    expect(tornLog).toBe(false);
    expect(log).toEqual([...groups[0]!, textEntry(3, 2), textEntry(4, 2)]);
  });

  it('L2: a log that ends before the position in the vote file is corruption, not a torn write', async () => {
    const disk = await twoGroups();
    await restoreFrom(disk);
    disk
      .images()
      .get(segment(1))!
      .fill(0, footer - 20);
    await expect(restoreFrom(disk)).rejects.toThrow(/entry 5 of term 1 was synced/);
  });

  it('L2: a clean end that lacks whole groups is corruption', async () => {
    const disk = await twoGroups();
    await restoreFrom(disk);
    disk.images().get(segment(1))!.fill(0, body);
    await expect(restoreFrom(disk)).rejects.toThrow(StorageCorruptionError);
  });

  it('L1: what an overwritten tail left behind is never read again', async () => {
    const disk = newDisk();
    const store = storeOn(disk);
    await store.open();
    await appendBatch(store, { entries: textEntries(1, 30, 1) });
    const old = Buffer.from(disk.images().get(segment(1))!);
    await appendBatch(store, { truncateFrom: 10, entries: textEntries(10, 12, 2) });
    await store.close();
    // The crash undid the shortening of the old segment: its stale records are back, whole and chained.
    const crashed = copyOf(disk);
    old.copy(crashed.images().get(segment(1))!);
    const { log, tornLog } = await restoreFrom(crashed);
    expect(log).toEqual([...textEntries(1, 9, 1), ...textEntries(10, 12, 2)]);
    expect(tornLog).toBe(false);
  });
});

describe('rule L2, the vote file', () => {
  async function voted(): Promise<CrashDisk> {
    const disk = newDisk();
    const store = storeOn(disk);
    await store.open();
    await appendBatch(store, { hardState: { term: 5, votedFor: 'a' } });
    await appendBatch(store, { hardState: { term: 6, votedFor: 'b' } });
    return copyOf(disk);
  }

  it('L2: term and vote survive any damage to one slot', async () => {
    for (const slot of [0, 1]) {
      for (let round = 0; round < 100; round++) {
        const disk = await voted();
        const image = disk.images().get(vote)!;
        const from = slot * 4096 + upTo(4095);
        image.fill(0xee, from, Math.min(from + 1 + upTo(600), (slot + 1) * 4096));
        expect((await restoreFrom(disk)).hardState).toEqual({ term: 6, votedFor: 'b' });
      }
    }
  });

  it('L2: damage to both slots is corruption', async () => {
    const disk = await voted();
    disk.images().get(vote)![100]! ^= 1;
    disk.images().get(vote)![4096 + 100]! ^= 1;
    await expect(restoreFrom(disk)).rejects.toThrow(/both slots/);
  });

  it('L2: a lost or older copy of the file is corruption', async () => {
    const disk = await voted();
    const store = storeOn(disk);
    await store.open();
    await appendBatch(store, { entries: textEntries(1, 3, 6) });
    await store.close();
    await disk.remove(vote);
    await expect(restoreFrom(disk)).rejects.toThrow(/vote file is missing/);
  });

  it('a lost segment is corruption', async () => {
    const disk = newDisk();
    await fillLog(disk, random, true);
    const names = [...disk.images().keys()].filter((name) => name.endsWith('.segment'));
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) {
      const copy = copyOf(disk);
      await copy.remove(name);
      await expect(restoreFrom(copy)).rejects.toThrow(StorageCorruptionError);
    }
  });

  it('a segment of another incarnation is corruption', async () => {
    const disk = await voted();
    const foreign = await voted();
    disk
      .images()
      .get(segment(1))!
      .set(foreign.images().get(segment(1))!);
    await expect(restoreFrom(disk)).rejects.toThrow(/belongs to cluster "c", incarnation/);
  });
});

it('damage that comes after the start is found when the entry is read, and latches the store', async () => {
  const disk = newDisk();
  const store = storeOn(disk);
  await store.open();
  await appendBatch(store, { entries: textEntries(1, 10, 1) });
  disk.images().get(segment(1))![headerBytes + 100]! ^= 1;
  expect(() => store.entries(1, 11, 10_000)).toThrow(StorageCorruptionError);
  expect(store.failure).toBeInstanceOf(StorageCorruptionError);
  await expect(appendBatch(store, { entries: [textEntry(11, 1)] })).rejects.toThrow(
    StorageCorruptionError,
  );
});
