import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Entry } from '../../../src/core/types.ts';
import { StorageCorruptionError } from '../../../src/storage/index.ts';
import { CrashDisk } from './crash-disk.ts';
import {
  copyOf,
  filledHardState,
  fillLog,
  isSame,
  type Restored,
  restoreFrom,
} from './log-image.ts';
import { seededRandom } from './random.ts';

// Thousands of starts, on machines that may be busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

const random = seededRandom(21);
const below = (count: number): number => Math.floor(random() * count);

const sectorBytes = 512;
const pageBytes = 4096;
const footerMagic = Buffer.from('RAFTGRPF');
/** The magic stands so far before the end of a footer. */
const footerRestBytes = 32;

type Images = Map<string, Buffer>;

const isSegment = (name: string): boolean => name.endsWith('.segment');

/** What an image holds: the end of its last byte that is not zero. */
function endOf(image: Buffer): number {
  let end = image.length;
  while (end > 0 && image[end - 1] === 0) end -= 1;
  return end;
}

/** Whether everything from `offset` on could be missing without a trace: no bit is left of what stood there. */
function isBetweenGroups(image: Buffer, offset: number): boolean {
  return (
    offset === pageBytes ||
    image.subarray(offset - footerRestBytes, offset - footerRestBytes + 8).equals(footerMagic)
  );
}

/**
 * Rule L3 for every kind of damage: the whole content, an error that names the place, or the torn mark, with which the
 * member's vote counts for little until a leader has brought it level. Never a shorter log, a hole, an older term or vote.
 */
describe.each([
  { state: 'stopped in order', isClosed: true, compactTo: 0 },
  { state: 'killed', isClosed: false, compactTo: 0 },
  { state: 'compacted and stopped', isClosed: true, compactTo: 150 },
])('the log of a member that was $state', ({ isClosed, compactTo }) => {
  const disk = new CrashDisk(random, () => Promise.resolve());
  const seen = { whole: 0, refused: 0, torn: 0 };
  let log: readonly Entry[] = [];
  let names: readonly string[] = [];
  let lastSegment = '';

  beforeAll(async () => {
    log = await fillLog(disk, random, isClosed, compactTo);
    names = [...disk.images().keys()].filter((name) => isSegment(name) || name.endsWith('vote'));
    lastSegment = names.filter(isSegment).sort().at(-1)!;
  });
  afterAll(() => {
    // A sweep in which nothing was ever found would prove nothing.
    expect(seen.whole).toBeGreaterThan(100);
    expect(seen.refused).toBeGreaterThan(100);
  });

  /** Damages a copy and starts on it. */
  async function start(what: string, damage: (images: Images) => void): Promise<void> {
    const damaged = copyOf(disk);
    damage(damaged.images());
    judge(what, await outcomeOf(damaged, what));
  }

  function judge(what: string, outcome: Restored | 'refused'): void {
    if (outcome === 'refused') {
      seen.refused += 1;
      return;
    }
    expect(outcome.hardState, what).toEqual(filledHardState);
    expect(outcome.compacted.index, what).toBe(log[0]!.index - 1);
    if (!outcome.tornLog) expect(isSame(outcome.log, log), what).toBe(true);
    else expect(isSame(outcome.log, log.slice(0, outcome.log.length)), what).toBe(true);
    seen[outcome.tornLog ? 'torn' : 'whole'] += 1;
  }

  it('B20 L1 L2: one flipped bit in any header byte and in hundreds of places elsewhere', async () => {
    const images = disk.images();
    for (const name of names) {
      const image = images.get(name)!;
      const used = isSegment(name) ? 320 : 600;
      const headers = isSegment(name) ? [0] : [0, pageBytes];
      const offsets = headers.flatMap((start) => [
        ...Array.from({ length: used }, (_, i) => start + i),
        ...Array.from({ length: 4 }, (_, i) => start + pageBytes - 4 + i),
      ]);
      for (let i = 0; i < 60; i++) offsets.push(below(image.length));
      for (let i = 0; i < 60; i++) offsets.push(below(endOf(image)));
      for (const offset of offsets) {
        await start(`bit in byte ${offset} of ${name}`, (all) => {
          all.get(name)![offset]! ^= 1 << below(8);
        });
      }
    }
  });

  it('L2: bits in both slots of the vote file', async () => {
    for (let round = 0; round < 200; round++) {
      const offsets = [below(600), pageBytes + below(600)];
      await start(`bits in bytes ${offsets} of the vote file`, (all) => {
        for (const offset of offsets) all.get('/log/vote')![offset]! ^= 1 << below(8);
      });
    }
  });

  it('L2 L3: a file that is cut anywhere', async () => {
    for (const name of names) {
      const image = disk.images().get(name)!;
      const lengths = [0, 1, pageBytes - 1, pageBytes, pageBytes + 1, image.length - 1];
      for (let i = 0; i < 100; i++) lengths.push(below(image.length));
      for (const length of lengths) {
        if (isTraceless(name, length)) continue;
        const damaged = copyOf(disk);
        await truncate(damaged, name, length);
        judge(`${name} cut to ${length}`, await outcomeOf(damaged, `${name} cut to ${length}`));
      }
    }
  });

  it('L2 L3: zeros in the place of any sector or page', async () => {
    for (const name of names) {
      const { length } = disk.images().get(name)!;
      for (const bytes of [sectorBytes, pageBytes]) {
        for (let offset = 0; offset < length; offset += bytes) {
          if (isTraceless(name, offset)) continue;
          await start(`zeros at ${offset} of ${name}`, (all) => {
            all.get(name)!.fill(0, offset, Math.min(offset + bytes, length));
          });
        }
      }
    }
  });

  it('L1 L2: a page that was written in the place of another, in the same file or not', async () => {
    for (let round = 0; round < 400; round++) {
      const [from, to] = [names[below(names.length)]!, names[below(names.length)]!];
      const page = (name: string): number =>
        pageBytes * below(disk.images().get(name)!.length / pageBytes);
      const [source, target] = [page(from), page(to)];
      if (isTraceless(to, target) && isZero(from, source)) continue;
      await start(`page ${source} of ${from} at ${target} of ${to}`, (all) => {
        all.get(from)!.copy(all.get(to)!, target, source, source + pageBytes);
      });
    }
  });

  it('L1 L2: files that changed places', async () => {
    for (const first of names) {
      for (const second of names) {
        if (first >= second) continue;
        const damaged = copyOf(disk);
        await damaged.rename(first, '/log/other');
        await damaged.rename(second, first);
        await damaged.rename('/log/other', second);
        expect(await outcomeOf(damaged, `${first} and ${second}`)).toBe('refused');
      }
    }
  });

  it('L1 L2: a file that is gone', async () => {
    for (const name of names) {
      if (!isClosed && name === lastSegment) continue;
      const damaged = copyOf(disk);
      await damaged.remove(name);
      expect(await outcomeOf(damaged, name)).toBe('refused');
    }
  });

  /** Of a killed member, whole groups at the very end may have no other witness (`docs/segment-log.md`). */
  function isTraceless(name: string, offset: number): boolean {
    if (isClosed || name !== lastSegment) return false;
    return isBetweenGroups(disk.images().get(name)!, offset);
  }

  function isZero(name: string, offset: number): boolean {
    const page = disk
      .images()
      .get(name)!
      .subarray(offset, offset + pageBytes);
    return page.every((byte) => byte === 0);
  }
});

async function outcomeOf(disk: CrashDisk, what: string): Promise<Restored | 'refused'> {
  try {
    return await restoreFrom(disk);
  } catch (error) {
    expect(error, what).toBeInstanceOf(StorageCorruptionError);
    const { path, offset, message } = error as StorageCorruptionError;
    expect(path, what).toMatch(/^\/log/);
    expect(message, what).toContain(`at byte ${offset}`);
    expect(message, what).toContain(path);
    return 'refused';
  }
}

async function truncate(disk: CrashDisk, name: string, length: number): Promise<void> {
  const file = await disk.open(name, 'update');
  await disk.truncate(file, length);
  await disk.close(file);
}
