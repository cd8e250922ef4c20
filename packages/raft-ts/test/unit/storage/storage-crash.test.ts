import { describe, expect, it, vi } from 'vitest';
import type { Entry, HardState, LogId, Term } from '../../../src/core/types.ts';
import type { AppendBatch, RestoredState } from '../../../src/ports.ts';
import { SegmentLogStore, StorageCorruptionError } from '../../../src/storage/index.ts';
import { appendBatch, readAll, textEntry } from '../../../src/testing/log-store-contract.ts';
import { CrashDisk, type CrashMode } from './crash-disk.ts';
import { seededRandom } from './random.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** What a member was told is durable. */
interface Known {
  readonly hardState: HardState;
  /** Where the log began when it was made or reset. */
  readonly base: LogId;
  /** Every entry behind that, compacted ones too. */
  readonly log: readonly Entry[];
  readonly torn: boolean;
}

const lastOf = ({ base, log }: Known): number => base.index + log.length;

function termAt({ base, log }: Known, index: number): Term | undefined {
  return index === base.index ? base.term : log[index - base.index - 1]?.term;
}

const options = {
  directory: '/log',
  clusterId: 'c',
  segmentBytes: 8192,
  cacheBytesMax: 2000,
  positionIntervalMs: 3,
};
const unlocked = async () => async () => undefined;

function openStore(disk: CrashDisk): SegmentLogStore {
  return new SegmentLogStore(options, { fileSystem: disk, lockDirectory: unlocked });
}

function apply(known: Known, batch: AppendBatch): Known {
  const base = batch.reset ?? known.base;
  const { truncateFrom } = batch;
  const before = batch.reset === null ? known.log : [];
  const kept = truncateFrom === null ? before : before.slice(0, truncateFrom - 1 - base.index);
  return {
    hardState: batch.hardState ?? known.hardState,
    base,
    log: [...kept, ...batch.entries],
    torn: known.torn && !batch.clearTorn,
  };
}

function randomBatch(known: Known, compacted: number, random: () => number): AppendBatch {
  const upTo = (count: number): number => Math.floor(random() * (count + 1));
  const last = lastOf(known);
  const kept = Math.max(compacted, last - 12);
  const isReset = random() < 0.08;
  const truncateFrom = !isReset && random() < 0.15 ? kept + 1 + upTo(last - kept) : null;
  const hardState =
    isReset || truncateFrom !== null || random() < 0.1
      ? { term: known.hardState.term + 1, votedFor: random() < 0.5 ? null : `n${upTo(3)}` }
      : null;
  const { term } = hardState ?? known.hardState;
  // Sometimes in the middle of a log that conflicts with the snapshot, sometimes beyond its end.
  const reset = isReset ? { index: kept + 1 + upTo(last - kept + 20), term } : null;
  const from = truncateFrom ?? (reset?.index ?? last) + 1;
  const count = random() < (isReset ? 0.7 : 0.1) ? 0 : 1 + upTo(5);
  const entries = Array.from({ length: count }, (_, i) =>
    textEntry(from + i, term, `${term}/${from + i} `.repeat(upTo(60))),
  );
  return { hardState, reset, truncateFrom, entries, clearTorn: known.torn && random() < 0.5 };
}

const byValue = (log: readonly Entry[]): string =>
  log.map((entry) => `${entry.index}/${entry.term}:${Buffer.from(entry.data)}`).join('|');

interface Outcome {
  readonly known: Known;
  readonly disk: CrashDisk;
  readonly isRefused: boolean;
}

/** Runs a store until the disk stops, then opens what is left and compares it with what was answered. */
async function crashOnce(
  disk: CrashDisk,
  known: Known,
  random: () => number,
  mode: CrashMode,
): Promise<Outcome> {
  const crashed = disk.crashAfter(1 + Math.floor(random() * 120)).then(() => 'crashed' as const);
  let inFlight: AppendBatch | null = null;
  let current = known;
  const store = openStore(disk);
  const run = async (): Promise<void> => {
    let compacted = (await store.open()).compacted.index;
    while (true) {
      // What is compacted was applied, and so is never overwritten.
      if (random() < 0.1) {
        const { base, log } = current;
        compacted = Math.max(compacted, base.index + Math.floor(random() * log.length));
        await store.compact(compacted);
      }
      inFlight = randomBatch(current, compacted, random);
      await appendBatch(store, inFlight);
      current = apply(current, inFlight);
      compacted = Math.max(compacted, current.base.index);
      inFlight = null;
    }
  };
  expect(await Promise.race([run(), crashed])).toBe('crashed');
  return verify(disk.restart(mode), current, inFlight, mode);
}

async function verify(
  disk: CrashDisk,
  known: Known,
  inFlight: AppendBatch | null,
  mode: CrashMode,
): Promise<Outcome> {
  const store = openStore(disk);
  let restored: Awaited<ReturnType<SegmentLogStore['open']>>;
  try {
    restored = await store.open();
  } catch (error) {
    // Only a footer that outran its group on the way to the disk may be refused, and only if it was in flight.
    expect(error).toBeInstanceOf(StorageCorruptionError);
    expect(mode).toBe('sectors');
    expect(inFlight?.entries.length).toBeGreaterThan(0);
    return { known, disk, isRefused: true };
  }
  const { hardState, tornLog } = restored;
  const found = readAll(store, restored.compacted.index + 1, restored.lastIndex);
  const next = inFlight === null ? known : apply(known, inFlight);
  const cut = inFlight === null ? known : apply(known, { ...inFlight, entries: [] });
  const state = [known, cut, next].find((candidate) => isFound(candidate, restored, found));
  if (state === undefined) throw new Error(`the log is none that there was: ${byValue(found)}`);
  expect([known.hardState, next.hardState]).toContainEqual(hardState);
  if (state !== known) expect(hardState).toEqual(next.hardState);
  if (known.torn && !inFlight?.clearTorn) expect(tornLog).toBe(true);
  if (tornLog) expect(known.torn || (inFlight?.entries.length ?? 0) > 0).toBe(true);
  await store.close();
  return { known: { ...state, hardState, torn: tornLog }, disk, isRefused: false };
}

/** Whether a log that was found, whose beginning may be compacted, is this one. */
function isFound(state: Known, { compacted }: RestoredState, found: readonly Entry[]): boolean {
  const start = compacted.index - state.base.index;
  if (start < 0 || termAt(state, compacted.index) !== compacted.term) return false;
  return byValue(state.log.slice(start)) === byValue(found);
}

const base: LogId = { index: 0, term: 0 };
const nothing: Known = { hardState: { term: 0, votedFor: null }, base, log: [], torn: false };

const modes: Readonly<Record<string, readonly CrashMode[]>> = {
  'after writes that are torn in order': ['prefix'],
  'after writes that are torn in any order': ['sectors'],
  'killed, and torn in order later': ['process', 'prefix'],
};

describe.each(Object.entries(modes))('SegmentLogStore %s', (name, cycle) => {
  it.each(Array.from({ length: 40 }, (_, i) => i + 1))(
    'L2 L3: what was answered is there, whatever the crash cut, seed %i',
    async (seed) => {
      const random = seededRandom(seed * 7919 + name.length);
      let outcome: Outcome = { known: nothing, disk: new CrashDisk(random), isRefused: false };
      for (let life = 0; life < 12 && !outcome.isRefused; life++) {
        const mode = cycle[life % cycle.length]!;
        outcome = await crashOnce(outcome.disk, outcome.known, random, mode);
      }
    },
  );
});

it('L3: what a killed process left in the page cache is durable once the log is open again', async () => {
  // Of what was not synced the power cut leaves nothing.
  const nothingMore = () => 0;
  for (let calls = 10; calls < 150; calls++) {
    const disk = new CrashDisk(nothingMore);
    const crashed = disk.crashAfter(calls);
    const store = openStore(disk);
    const fill = async (): Promise<void> => {
      await store.open();
      for (let index = 1; ; index++) {
        await appendBatch(store, { entries: [textEntry(index, 1, 'x'.repeat(900))] });
      }
    };
    await Promise.race([fill(), crashed]);
    const killed = disk.restart('process');
    const reopened = openStore(killed);
    const { lastIndex } = await reopened.open();
    await appendBatch(reopened, { entries: [textEntry(lastIndex + 1, 1)] });
    const again = await openStore(killed.restart('prefix')).open();
    expect(again.lastIndex).toBe(lastIndex + 1);
  }
});
