import type { SimulationReport } from './simulator.ts';

/** A seed whose run broke a property, and how. */
interface SwarmFailure {
  readonly seed: number;
  readonly message: string;
}

type Total = 'committed' | 'proposed' | 'done' | 'reads' | 'operations' | 'undecided';

/** What many runs came to; a plain value, so that workers can send it. */
export interface SwarmTally {
  /** Runs that held. */
  seeds: number;
  readonly totals: Record<Total, number>;
  healedAfterMsMax: number;
  /** In how many runs a fault or an event occurred, by name. */
  readonly seedsWith: Record<string, number>;
  readonly failures: SwarmFailure[];
}

export function emptyTally(): SwarmTally {
  return {
    seeds: 0,
    totals: { committed: 0, proposed: 0, done: 0, reads: 0, operations: 0, undecided: 0 },
    healedAfterMsMax: 0,
    seedsWith: {},
    failures: [],
  };
}

export function addRun(tally: SwarmTally, report: SimulationReport): void {
  tally.seeds++;
  for (const total of Object.keys(tally.totals) as Total[]) tally.totals[total] += report[total];
  tally.healedAfterMsMax = Math.max(tally.healedAfterMsMax, report.healedAfterMs);
  for (const name of Object.keys(report.coverage)) {
    tally.seedsWith[name] = (tally.seedsWith[name] ?? 0) + 1;
  }
}

export function addTally(tally: SwarmTally, other: SwarmTally): void {
  tally.seeds += other.seeds;
  for (const total of Object.keys(tally.totals) as Total[]) {
    tally.totals[total] += other.totals[total];
  }
  tally.healedAfterMsMax = Math.max(tally.healedAfterMsMax, other.healedAfterMsMax);
  for (const [name, seeds] of Object.entries(other.seedsWith)) {
    tally.seedsWith[name] = (tally.seedsWith[name] ?? 0) + seeds;
  }
  tally.failures.push(...other.failures);
}

/** Names and numbers of seeds, rarest first: what hardly ever happens proves little. */
export function describeCoverage({ seedsWith }: SwarmTally): string {
  const rarestFirst = Object.entries(seedsWith).sort(([, a], [, b]) => a - b);
  return rarestFirst.map(([name, seeds]) => `${seeds} ${name}`).join(', ');
}
