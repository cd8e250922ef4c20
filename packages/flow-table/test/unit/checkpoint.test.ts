import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  Checkpoint,
  CheckpointDamagedError,
  type CheckpointDependencies,
  CheckpointOpenError,
  type CheckpointOptions,
  CheckpointStateError,
  CheckpointVersionError,
  CheckpointWriteError,
  discardCheckpoint,
  FlowTable,
  OperationWriter,
} from '../../src/index.ts';
import { arbitraryStep, contents, newFlow, Random, type Step } from '../arbitrary-flows.ts';
import { MapTable } from '../map-table.ts';

vi.setConfig({ testTimeout: 120_000 });

let root = '';
let directories = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'flow-table-checkpoint-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const newDirectory = () => {
  directories += 1;
  return join(root, String(directories));
};
const newTable = () => new FlowTable({}, { nowMs: () => 1_000_000 });
const meta = (number: number) => Uint8Array.of(number, number >>> 8, 0xff);

function blobOf(steps: readonly Step[]): Uint8Array {
  const writer = new OperationWriter();
  for (const { kind, key, set, seed } of steps) writer[kind](newFlow(key, set, seed));
  return writer.finish();
}

const creates = (from: number, to: number, seed = 1): Step[] =>
  Array.from({ length: to - from }, (_, index) => ({
    kind: 'create',
    key: from + index,
    set: 0x1f,
    seed: seed + index,
  }));
const deletes = (from: number, to: number): Step[] =>
  creates(from, to).map((step) => ({ ...step, kind: 'delete' }));

const withoutIndex = (all: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(all).map(([key, value]) => [key, { ...(value as object), localIndex: 0 }]),
  );

async function withCheckpoint<T>(
  directory: string,
  work: (checkpoint: Checkpoint) => Promise<T>,
  options: Partial<CheckpointOptions> = {},
  dependencies: CheckpointDependencies = { metrics: null },
): Promise<T> {
  const checkpoint = await Checkpoint.open(directory, options, dependencies);
  try {
    return await work(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** Loads a directory into a new table. */
async function reload(directory: string) {
  const table = newTable();
  const loaded = await withCheckpoint(directory, (checkpoint) => checkpoint.load(table));
  return { table, loaded };
}

/** Writes each blob as one round, positions 1, 2, 3 ... */
async function writeRounds(directory: string, rounds: readonly Uint8Array[], options = {}) {
  const table = newTable();
  await withCheckpoint(
    directory,
    async (checkpoint) => {
      await checkpoint.load(table);
      for (const [number, blob] of rounds.entries()) {
        table.apply(blob);
        await checkpoint.write({ index: number + 1, term: 7, meta: meta(number + 1) });
      }
    },
    options,
  );
  return table;
}

/** Opens the raw database, as damage would. */
async function withDatabase<T>(
  directory: string,
  work: (database: Level<Uint8Array, Uint8Array>) => Promise<T>,
): Promise<T> {
  const database = new Level<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  await database.open();
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

const entriesOf = (directory: string) =>
  withDatabase(directory, async (database) => {
    const entries = await database.iterator().all();
    return new Map(entries.map(([key, value]) => [Buffer.from(key).toString('hex'), value]));
  });

describe('Checkpoint', () => {
  it('is null when new, and gives back flows, position and meta as they were', async () => {
    const directory = newDirectory();
    expect((await reload(directory)).loaded).toBeNull();
    const table = await writeRounds(directory, [
      blobOf([...creates(0, 500), { kind: 'create', key: 900, set: 0x3fff, seed: 5 }]),
    ]);
    const again = await reload(directory);
    expect(again.loaded).toEqual({ appliedIndex: 1, appliedTerm: 7, meta: meta(1), flows: 501 });
    expect(contents(again.table)).toEqual(contents(table));
    expect(again.table.digest()).toEqual(table.digest());
    expect(again.table.usage().changed).toBe(0);
  });

  it('keeps the local index and drops the local flags', async () => {
    const directory = newDirectory();
    const table = newTable();
    await withCheckpoint(directory, async (checkpoint) => {
      await checkpoint.load(table);
      table.apply(blobOf(creates(1, 2)), (slot) => {
        table.setLocalIndex(slot, 2 ** 40 + 5);
        table.setLocalFlags(slot, 3);
      });
      await checkpoint.write({ index: 2 ** 40 + 5, term: 1, meta: meta(1) });
    });
    const { table: again, loaded } = await reload(directory);
    const slot = again.find(newFlow(1, 0, 0));
    expect(loaded?.appliedIndex).toBe(2 ** 40 + 5);
    expect(again.localIndex(slot)).toBe(2 ** 40 + 5);
    expect(again.localFlags(slot)).toBe(0);
  });

  it('K5 absolute: stores the remaining time, not the deadline', async () => {
    const directory = newDirectory();
    let nowMs = 5_000_000;
    const table = new FlowTable({}, { nowMs: () => nowMs });
    const flow = newFlow(1, 0x1f, 1);
    flow.timeoutSeconds = 600;
    const writer = new OperationWriter();
    writer.create(flow);
    await withCheckpoint(directory, async (checkpoint) => {
      await checkpoint.load(table);
      table.apply(writer.finish());
      nowMs += 200_000;
      await checkpoint.write({ index: 1, term: 1, meta: meta(1) });
    });
    const rebooted = new FlowTable({}, { nowMs: () => 17 });
    await withCheckpoint(directory, (checkpoint) => checkpoint.load(rebooted));
    expect(rebooted.remainingSeconds(rebooted.find(flow))).toBe(400);
  });

  it('writes up to 4000 flows as one atomic batch, and only what has changed', async () => {
    const batches: number[] = [];
    const beforeWrite = async (operations: number) => void batches.push(operations);
    await withCheckpoint(
      newDirectory(),
      async (checkpoint) => {
        const table = newTable();
        await checkpoint.load(table);
        table.apply(blobOf(creates(0, 4000)));
        const position = { index: 1, term: 1, meta: meta(1) };
        expect(await checkpoint.write(position)).toMatchObject({ flows: 4000, batches: 1 });
        table.apply(blobOf([{ kind: 'touch', key: 5, set: 0, seed: 3 }, ...deletes(7, 9)]));
        expect(await checkpoint.write(position)).toMatchObject({ flows: 1, tombstones: 2 });
        expect(await checkpoint.write(position)).toMatchObject({ flows: 0, tombstones: 0 });
      },
      {},
      { metrics: null, beforeWrite },
    );
    expect(batches).toEqual([4003, 5, 2]);
  });

  it('refuses use out of order, a second opener, and bad options', async () => {
    const directory = newDirectory();
    const position = { index: 1, term: 1, meta: meta(1) };
    await withCheckpoint(directory, async (checkpoint) => {
      await expect(checkpoint.write(position)).rejects.toThrow(CheckpointStateError);
      await expect(Checkpoint.open(directory)).rejects.toThrow(CheckpointOpenError);
      const table = newTable();
      await checkpoint.load(table);
      await expect(checkpoint.load(newTable())).rejects.toThrow(CheckpointStateError);
      const round = checkpoint.write(position);
      await expect(checkpoint.write(position)).rejects.toThrow(/being written/);
      await round;
      await checkpoint.close();
      await expect(checkpoint.write(position)).rejects.toThrow(/closed/);
    });
    await expect(Checkpoint.open(directory, { flowsPerBatchMax: 0 })).rejects.toThrow(/flowsPer/);
  });

  it('stays failed after a failed write, and the disk keeps the round before', async () => {
    const directory = newDirectory();
    let failing = false;
    const beforeWrite = async () => {
      if (failing) throw new Error('disk full');
    };
    await withCheckpoint(
      directory,
      async (checkpoint) => {
        const table = newTable();
        await checkpoint.load(table);
        table.apply(blobOf(creates(0, 10)));
        await checkpoint.write({ index: 1, term: 1, meta: meta(1) });
        failing = true;
        table.apply(blobOf(creates(10, 20)));
        const write = () => checkpoint.write({ index: 2, term: 1, meta: meta(2) });
        await expect(write()).rejects.toThrow(CheckpointWriteError);
        failing = false;
        await expect(write()).rejects.toThrow(CheckpointWriteError);
      },
      {},
      { metrics: null, beforeWrite },
    );
    expect((await reload(directory)).loaded).toMatchObject({ appliedIndex: 1, flows: 10 });
  });

  it('refuses the format of a newer release by name', async () => {
    const directory = newDirectory();
    await writeRounds(directory, [blobOf(creates(0, 3))]);
    await withDatabase(directory, (database) =>
      database.put(Uint8Array.of(1), Uint8Array.of(0, 0, 0, 2)),
    );
    await expect(reload(directory)).rejects.toThrow(CheckpointVersionError);
  });
});

describe('T1 rounds', () => {
  class Crash extends Error {}

  const entries = fc.array(fc.array(arbitraryStep(12), { minLength: 1, maxLength: 12 }), {
    minLength: 1,
    maxLength: 20,
  });
  const plans = fc.record({
    entries,
    flowsPerBatchMax: fc.integer({ min: 1, max: 4 }),
    flowsPerSliceMax: fc.integer({ min: 1, max: 3 }),
    crashAtBatch: fc.integer({ min: 1, max: 14 }),
    pace: fc.integer({ min: 1, max: 1000 }),
  });

  it('T1 a crash between any two batches, then replay behind the applied index, gives the exact table', async () => {
    let crashes = 0;
    let midRound = 0;
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const directory = newDirectory();
        const log = plan.entries.map(blobOf);
        const random = new Random(plan.pace);
        const table = newTable();
        let applied = 0;
        const applySome = () => {
          for (let count = random.below(3); count > 0 && applied < log.length; count -= 1) {
            table.apply(log[applied]!);
            applied += 1;
          }
        };
        let batches = 0;
        let position = 0;
        // Apply goes on in the middle of rounds, so that flows on disk are newer than the position.
        const beforeWrite = async () => {
          batches += 1;
          if (batches === plan.crashAtBatch) throw new Crash();
          applySome();
        };
        await withCheckpoint(
          directory,
          async (checkpoint) => {
            await checkpoint.load(table);
            while (applied < log.length) {
              applySome();
              const before = batches;
              const index = applied;
              try {
                await checkpoint.write({ index, term: 1, meta: meta(index) });
                position = index;
              } catch (error) {
                if (!(error instanceof Error) || !(error.cause instanceof Crash)) throw error;
                crashes += 1;
                if (batches > before + 1) midRound += 1;
                return;
              }
            }
          },
          plan,
          { metrics: null, beforeWrite },
        );
        const { table: recovered, loaded } = await reload(directory);
        expect(loaded?.appliedIndex ?? 0).toBe(position);
        if (position > 0) expect(loaded?.meta).toEqual(meta(position));
        for (const blob of log.slice(position)) recovered.apply(blob);
        const model = new MapTable();
        for (const steps of plan.entries) {
          for (const { kind, key, set, seed } of steps) model[kind](newFlow(key, set, seed));
        }
        const expected = Object.fromEntries(
          [...model.flows].map(([key, flow]) => [key, { ...flow, localIndex: 0 }]),
        );
        expect(withoutIndex(contents(recovered))).toEqual(expected);
        await discardCheckpoint(directory);
      }),
      { numRuns: 150 },
    );
    expect(crashes).toBeGreaterThan(30);
    expect(midRound).toBeGreaterThan(5);
  });

  it('T1 rounds after a restart go on from what the disk has', async () => {
    const directory = newDirectory();
    for (let life = 0; life < 4; life += 1) {
      const table = newTable();
      await withCheckpoint(
        directory,
        async (checkpoint) => {
          const loaded = await checkpoint.load(table);
          expect(loaded?.appliedIndex ?? 0).toBe(life);
          table.apply(
            blobOf([...deletes(5 * life, 5 * life + 9), ...creates(8 * life, 8 * life + 12)]),
          );
          await checkpoint.write({ index: life + 1, term: 1, meta: meta(life) });
        },
        { flowsPerBatchMax: 4 },
      );
      expect(contents((await reload(directory)).table)).toEqual(contents(table));
    }
  });
});

describe('T2 keys and tombstones', () => {
  it('T2 a deleted flow stays a tombstone until a round has written it', async () => {
    const directory = newDirectory();
    const table = newTable();
    await withCheckpoint(directory, async (checkpoint) => {
      await checkpoint.load(table);
      table.apply(blobOf(creates(0, 10)));
      table.apply(blobOf(deletes(0, 2)));
      expect(table.usage().tombstones).toBe(0);
      await checkpoint.write({ index: 1, term: 1, meta: meta(1) });
      table.apply(blobOf(deletes(2, 5)));
      expect(table.usage().tombstones).toBe(3);
      await checkpoint.write({ index: 2, term: 1, meta: meta(2) });
      expect(table.usage().tombstones).toBe(0);
    });
    expect((await reload(directory)).table.size).toBe(5);
  });

  it('T2 a flow that was deleted and came again, in whichever slot, is there once as it is now', async () => {
    const directory = newDirectory();
    const table = await writeRounds(
      directory,
      [
        blobOf(creates(0, 6)),
        blobOf([...deletes(0, 6), ...creates(20, 23), ...creates(0, 6, 77)]),
        blobOf([...deletes(0, 3), ...creates(0, 1, 99), ...deletes(0, 1)]),
      ],
      { flowsPerBatchMax: 2 },
    );
    const { table: again } = await reload(directory);
    expect(contents(again)).toEqual(contents(table));
    expect(again.size).toBe(6);
  });

  it('T2 keys on disk are flow keys, whatever the slots', async () => {
    const directory = newDirectory();
    const table = await writeRounds(directory, [
      blobOf([...creates(0, 4), ...deletes(0, 2), ...creates(8, 9)]),
    ]);
    const keys = [...(await entriesOf(directory)).keys()].filter((key) => key.startsWith('10'));
    const expected: string[] = [];
    table.forEachPage(0, table.slotEnd, (slot) => {
      expected.push(`10${Buffer.from(table.keyBytes(slot)).toString('hex')}`);
    });
    expect(keys).toEqual(expected.sort());
  });
});

describe('T4 damage', () => {
  /** Three rounds; the last touches few flows. Returns the contents after each. */
  async function newVictim() {
    const directory = newDirectory();
    const rounds = [
      blobOf(creates(0, 40)),
      blobOf([...deletes(10, 15), ...creates(50, 60), ...creates(0, 4, 9)]),
      blobOf([{ kind: 'update', key: 20, set: 0x02, seed: 9 }, ...deletes(30, 32)]),
    ];
    await writeRounds(directory, rounds);
    const states = rounds.map((_, last) => {
      const table = newTable();
      for (const blob of rounds.slice(0, last + 1)) table.apply(blob);
      return contents(table);
    });
    return { directory, states, rounds };
  }

  async function expectDamage(directory: string) {
    const table = newTable();
    const load = withCheckpoint(directory, (checkpoint) => checkpoint.load(table));
    await expect(load).rejects.toThrow(CheckpointDamagedError);
    expect(table.size).toBe(0);
    expect(table.digest()).toEqual(newTable().digest());
  }

  it('T4 any record deleted is reported', async () => {
    const { directory } = await newVictim();
    for (const key of (await entriesOf(directory)).keys()) {
      const copy = newDirectory();
      cpSync(directory, copy, { recursive: true });
      await withDatabase(copy, (database) => database.del(Buffer.from(key, 'hex')));
      await expectDamage(copy);
      await discardCheckpoint(copy);
    }
  });

  it('T4 any byte of a record changed is reported', async () => {
    const { directory } = await newVictim();
    const random = new Random(4);
    for (const [key, value] of await entriesOf(directory)) {
      if (key === '01') continue;
      const copy = newDirectory();
      cpSync(directory, copy, { recursive: true });
      const changed = Uint8Array.from(value);
      changed[random.below(changed.length)]! ^= 1 << random.below(8);
      await withDatabase(copy, (database) => database.put(Buffer.from(key, 'hex'), changed));
      await expectDamage(copy);
      await discardCheckpoint(copy);
    }
  });

  it('T4 a flow too many, or under another key, is reported', async () => {
    const { directory } = await newVictim();
    const flows = [...(await entriesOf(directory))].filter(([key]) => key.startsWith('10'));
    const [key, value] = flows[0]!;
    const other = Buffer.from(key, 'hex');
    other[other.length - 1]! ^= 1;
    const copy = newDirectory();
    cpSync(directory, copy, { recursive: true });
    await withDatabase(copy, (database) => database.put(other, value));
    await expectDamage(copy);
    await withDatabase(copy, (database) => database.del(Buffer.from(key, 'hex')));
    await expectDamage(copy);
  });

  it('T4 a batch that LevelDB lost while it kept a later one is reported', async () => {
    const directory = newDirectory();
    const rounds = [blobOf(creates(0, 40)), blobOf(creates(40, 44)), blobOf(creates(60, 61))];
    const after: Map<string, Uint8Array>[] = [];
    for (let count = 1; count <= rounds.length; count += 1) {
      const each = newDirectory();
      await writeRounds(each, rounds.slice(0, count));
      after.push(await entriesOf(each));
    }
    const [first, second, third] = after as [
      (typeof after)[0],
      (typeof after)[0],
      (typeof after)[0],
    ];
    await writeRounds(directory, rounds.slice(0, 1));
    await withDatabase(directory, async (database) => {
      for (const [key, value] of third) {
        const before = second.get(key);
        if (before && Buffer.compare(before, value) === 0) continue;
        await database.put(Buffer.from(key, 'hex'), value);
      }
    });
    expect(first.size).toBe(43);
    await expectDamage(directory);
  });

  it('T4 a position that is older than the flows is reported', async () => {
    const rounds = [blobOf(creates(0, 40)), blobOf(deletes(3, 5))];
    const earlier = newDirectory();
    const directory = newDirectory();
    await writeRounds(earlier, rounds.slice(0, 1));
    await writeRounds(directory, rounds);
    const position = (await entriesOf(earlier)).get('02');
    await withDatabase(directory, (database) => database.put(Uint8Array.of(2), position!));
    await expectDamage(directory);
  });

  it('T4 bits flipped in the files are reported, or leave an earlier round whole', async () => {
    const { directory, states } = await newVictim();
    const random = new Random(11);
    let reported = 0;
    let earlier = 0;
    for (let run = 0; run < 120; run += 1) {
      const copy = newDirectory();
      cpSync(directory, copy, { recursive: true });
      // Opening it again moves the flows from the log into a table file: half of the runs damage one, half the other.
      if (run % 2 === 0) await withDatabase(copy, async () => undefined);
      const names = readdirSync(copy).filter((name) =>
        /\.(log|ldb)$|^MANIFEST|^CURRENT/.test(name),
      );
      const file = join(copy, names[random.below(names.length)]!);
      const bytes = readFileSync(file);
      if (bytes.length === 0) continue;
      for (let flips = 1 + random.below(3); flips > 0; flips -= 1) {
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      }
      writeFileSync(file, bytes);
      const table = newTable();
      try {
        const loaded = await withCheckpoint(copy, (checkpoint) => checkpoint.load(table));
        const expected = loaded ? states[loaded.appliedIndex - 1] : {};
        expect(contents(table)).toEqual(expected);
        earlier += 1;
      } catch (error) {
        const known =
          error instanceof CheckpointDamagedError || error instanceof CheckpointOpenError;
        if (!known) throw error;
        expect(table.size).toBe(0);
        reported += 1;
      }
      await discardCheckpoint(copy);
    }
    expect(reported).toBeGreaterThan(20);
    expect(earlier).toBeGreaterThan(0);
  });

  it('T4 a table file or CURRENT that is gone is reported', async () => {
    const { directory } = await newVictim();
    await withDatabase(directory, async (database) => database.put(Uint8Array.of(0xff), meta(1)));
    for (const pattern of [/\.ldb$/, /^CURRENT$/]) {
      const copy = newDirectory();
      cpSync(directory, copy, { recursive: true });
      const name = readdirSync(copy).find((candidate) => pattern.test(candidate));
      rmSync(join(copy, name!));
      await expectDamage(copy);
    }
  });

  it('T4 a discarded checkpoint starts anew', async () => {
    const { directory } = await newVictim();
    await discardCheckpoint(directory);
    expect((await reload(directory)).loaded).toBeNull();
  });
});
