import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Entry } from '../../src/core/types.ts';
import { StorageCorruptionError } from '../../src/storage/index.ts';
import { CrashDisk } from '../unit/storage/crash-disk.ts';
import { copyOf, fillLog, isSame, type Restored, restoreFrom } from '../unit/storage/log-image.ts';
import { seededRandom } from '../unit/storage/random.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const random = seededRandom(20);
const upTo = (count: number): number => Math.floor(random() * (count + 1));

async function outcomeOf(disk: CrashDisk): Promise<Restored | 'refused'> {
  return restoreFrom(disk).catch((error: unknown) => {
    expect(error).toBeInstanceOf(StorageCorruptionError);
    return 'refused' as const;
  });
}

describe.each([
  ['stopped in order', true],
  ['killed', false],
])(
  'B20 damage is taken for the end of the log: one flipped bit in the log of a member that was %s',
  (_, isClosed) => {
    const disk = new CrashDisk(random, () => Promise.resolve());
    let log: readonly Entry[] = [];
    let end = 0;

    beforeAll(async () => {
      log = await fillLog(disk, random, isClosed);
      const names = [...disk.images().keys()].filter((name) => name.endsWith('.segment')).sort();
      const last = disk.images().get(names.at(-1)!)!;
      end = last.length;
      while (last[end - 1] === 0) end -= 1;
    });

    it('L3: gives all content, a clear error, or the torn mark; never silently less', async () => {
      const seen = { whole: 0, refused: 0, torn: 0 };
      for (let round = 0; round < 500; round++) {
        const damaged = copyOf(disk);
        const names = [...damaged.images().keys()].filter((name) => !name.endsWith('.spare'));
        const name = names[upTo(names.length - 1)]!;
        const image = damaged.images().get(name)!;
        image[upTo(image.length - 1)]! ^= 1 << upTo(7);
        const outcome = await outcomeOf(damaged);
        if (outcome === 'refused') {
          seen.refused += 1;
          continue;
        }
        expect(outcome.hardState).toEqual({ term: 400, votedFor: 'b' });
        expect(isSame(outcome.log, log)).toBe(true);
        seen[outcome.tornLog ? 'torn' : 'whole'] += 1;
      }
      expect(seen.refused).toBeGreaterThan(50);
      expect(seen.whole).toBeGreaterThan(50);
    });

    it('L3: every bit of the last 600 bytes of the log may flip', async () => {
      const last = [...disk.images().keys()].filter((name) => name.endsWith('.segment')).sort();
      for (let offset = end - 600; offset < end; offset++) {
        const damaged = copyOf(disk);
        damaged.images().get(last.at(-1)!)![offset]! ^= 1 << upTo(7);
        const outcome = await outcomeOf(damaged);
        if (outcome !== 'refused') expect(isSame(outcome.log, log)).toBe(true);
      }
    });
  },
);
