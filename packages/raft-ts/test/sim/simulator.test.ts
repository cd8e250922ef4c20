import { describe, expect, it } from 'vitest';
import type { CommitRule } from '../../src/core/state.ts';
import { InvariantError } from '../../src/testing/invariants.ts';
import { Simulator } from '../../src/testing/simulator.ts';

const seeds = Number(process.env['RAFT_SIM_SEEDS'] ?? 2_000);
/** Replays with members that come and go. */
const isMembership = process.env['RAFT_SIM_MEMBERSHIP'] === '1';
const replayed = process.env['RAFT_SIM_SEED'];

interface RunOptions {
  readonly onTrace?: (line: string) => void;
  readonly membership?: boolean;
}

async function runSeed(seed: number, options: RunOptions = {}) {
  try {
    return await new Simulator({ seed, ...options }).run();
  } catch (cause) {
    throw new Error(
      `seed ${seed} failed (replay with RAFT_SIM_SEED=${seed}${options.membership ? ' RAFT_SIM_MEMBERSHIP=1' : ''}): ${cause}`,
      { cause },
    );
  }
}

describe('simulator', () => {
  it.runIf(replayed !== undefined)(
    'replays one seed with a trace (only with RAFT_SIM_SEED)',
    async () => {
      const report = await runSeed(Number(replayed), {
        onTrace: (line) => console.log(line),
        ...(isMembership ? { membership: true } : {}),
      });
      console.log(report);
    },
  );

  it.skipIf(replayed !== undefined)(
    `holds every property of Raft and heals in ${seeds} seeds`,
    async () => {
      let done = 0;
      let committed = 0;
      let reads = 0;
      for (let seed = 1; seed <= seeds; seed++) {
        const report = await runSeed(seed);
        done += report.done;
        committed += report.committed;
        reads += report.reads;
      }
      // A run in which nothing happens proves nothing.
      expect(committed).toBeGreaterThan(100 * seeds);
      expect(done).toBeGreaterThan(50 * seeds);
      expect(reads).toBeGreaterThan(5 * seeds);
    },
  );

  it.skipIf(replayed !== undefined)(
    `holds every property of Raft while members come and go in ${seeds / 2} seeds`,
    async () => {
      let changes = 0;
      for (let seed = 1; seed <= seeds / 2; seed++) {
        changes += (await runSeed(seed, { membership: true })).membershipChanges;
      }
      expect(changes).toBeGreaterThan(2 * seeds);
    },
  );

  it.skipIf(replayed !== undefined)('gives the same run for the same seed', async () => {
    const traces = [0, 1].map(() => [] as string[]);
    for (const trace of traces) await runSeed(7, { onTrace: (line) => trace.push(line) });
    expect(traces[0]!.length).toBeGreaterThan(100);
    expect(traces[0]).toEqual(traces[1]);
  });

  it.skipIf(replayed !== undefined)(
    'B1 commit rule: notices a leader that counts entries of earlier terms',
    async () => {
      const counted: CommitRule = () => true;
      const isLoss = /leader completeness|committed entries change|state machine safety/;
      for (let seed = 1; seed <= 2_000; seed++) {
        try {
          await new Simulator({ seed }, counted).run();
        } catch (error) {
          expect(error).toBeInstanceOf(InvariantError);
          if (isLoss.test(String(error))) return;
        }
      }
      expect.unreachable('2,000 seeds with a broken commit rule, and none fails');
    },
  );
});
