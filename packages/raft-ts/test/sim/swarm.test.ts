import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultKinds } from '../../src/testing/fault-plan.ts';
import { Swarm } from '../../src/testing/swarm.ts';
import { describeCoverage, type SwarmTally } from '../../src/testing/swarm-tally.ts';
import { CompiledSources } from './compiled-sources.ts';

const seeds = Number(process.env['RAFT_SIM_SEEDS'] ?? 10_000);

/** What must occur besides the faults, so that the runs are known to go where it hurts. */
const events = [
  'fault: harassed leader',
  'fault: torn majority',
  'stop: process',
  'stop: power',
  'crashed in a write',
  'member stopped by its disk',
  'start with a torn log',
  'torn member level again',
  'start refused for a damaged log',
  'lost member removed',
  'log truncated',
  'snapshot created',
  'snapshot sent',
  'snapshot resumed',
  'snapshot installed',
  'log reset',
  'leadership transferred',
  'members changed: add',
  'members changed: promote',
  'members changed: remove',
  'members changed: replace',
  'client read',
  'client put done',
  'client put unknown',
  'client cas done',
  'client cas refused',
  'client cas unknown',
  'recovery of a bare majority',
  'calm with a deaf voter',
];

/** Share of the seeds in which each kind of fault and each event must have occurred. */
const shareMin = 0.005;

function say(tally: SwarmTally, elapsedMs: number): void {
  console.log(`simulator: ${tally.seeds} of ${seeds} seeds, ${(elapsedMs / 1000).toFixed(0)} s`);
}

describe('swarm of simulations', () => {
  let sources: CompiledSources;
  beforeAll(async () => {
    sources = await CompiledSources.make();
  });
  afterAll(() => sources.remove());

  it(`holds every property, heals and is linearizable in ${seeds} seeds`, async () => {
    const swarm = new Swarm(
      { firstSeed: 1, seeds, minutes: null, workers: 2 },
      { worker: sources.url('testing/sim-worker.ts'), onProgress: say },
    );
    const tally = await swarm.run();
    const { failures, totals, seedsWith } = tally;
    say(tally, swarm.elapsedMs);
    console.log(`simulator: totals ${JSON.stringify(totals)}`);
    console.log(`simulator: slowest recovery ${tally.healedAfterMsMax} virtual ms`);
    console.log(`simulator: seeds with ${describeCoverage(tally)}`);
    // Replay: npm run simulate -- --seed N
    expect(failures).toEqual([]);
    expect(tally.seeds).toBe(seeds);
    // A history that was given up undecided proves nothing.
    expect(totals.undecided).toBe(0);
    // A run in which nothing happens proves nothing.
    expect(totals.committed).toBeGreaterThan(100 * seeds);
    expect(totals.done).toBeGreaterThan(100 * seeds);
    expect(totals.operations).toBeGreaterThan(100 * seeds);
    expect(totals.reads).toBeGreaterThan(2 * seeds);
    // What a torn log may cost (rule L3), and nothing but that.
    const stuck = seedsWith['nobody to elect beside a torn voter'] ?? 0;
    expect(stuck).toBeLessThanOrEqual(Math.ceil(0.001 * seeds));
    const wanted = [...faultKinds.map((kind) => `fault: ${kind}`), ...events];
    const rare = wanted.filter((name) => (seedsWith[name] ?? 0) < shareMin * seeds);
    expect(rare).toEqual([]);
  });
});
