import { describe, expect, it } from 'vitest';
import { type SimulationReport, Simulator } from '../../src/testing/simulator.ts';

/** Seeds that once failed, and what they failed by. */
const regressions: readonly (readonly [seed: number, disk: boolean, found: string])[] = [
  [
    2129,
    true,
    'the page cache showed a group whose sync had failed before the member started again',
  ],
  [2216, true, 'the same, and a later group in the same segment'],
];

async function traceOf(seed: number, disk: boolean): Promise<readonly string[]> {
  const trace: string[] = [];
  await new Simulator({ seed, disk, onTrace: (line) => trace.push(line) }).run();
  return trace;
}

describe('simulator', () => {
  it.each([false, true])('gives the same run for the same seed, on disk: %s', async (disk) => {
    const first = await traceOf(7, disk);
    expect(first.length).toBeGreaterThan(100);
    expect(await traceOf(7, disk)).toEqual(first);
  });

  it('gives another run for another seed', async () => {
    expect(await traceOf(8, false)).not.toEqual(await traceOf(7, false));
  });

  it.each(regressions)('seed %i holds, on disk: %s (%s)', async (seed, disk) => {
    const report: SimulationReport = await new Simulator({ seed, disk }).run();
    expect(report.undecided).toBe(0);
  });

  it('tells when the healed cluster does not agree in time', async () => {
    await expect(new Simulator({ seed: 1, healMs: 0 }).run()).rejects.toThrow(/healed, but/);
  });
});
