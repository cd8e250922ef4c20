import { faults } from '../faults/catalogue.ts';
import type { Fault, VictimRole } from '../faults/fault.ts';
import { breakableCluster } from '../faults/injected-faults-file.ts';

/** What happens in one round of a soak. */
export interface Round {
  readonly fault: Fault;
  readonly role: VictimRole;
  /** Which of the standbys it is, counted round them. */
  readonly standby: number;
  /** Pause before the fault, in milliseconds. */
  readonly pauseMs: number;
  /** Other flows that begin before the fault. */
  readonly flows: number;
}

const PAUSE_MS_MAX = 2000;
const FLOWS_MAX = 1000;

/** The faults that need no machines of their own kind. */
const candidates = faults.filter(
  ({ cluster, prepare }) =>
    prepare === undefined && (cluster === undefined || cluster === breakableCluster),
);

/** The rounds of a soak, without end; a seed (32 bits) always gives the same ones. */
export function* schedule(seed: number): Generator<Round, never> {
  const random = mulberry32(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (;;) {
    const fault = candidates[below(candidates.length)]!;
    const roles = fault.roles ?? (['active', 'standby'] as const);
    yield {
      fault,
      role: roles[below(roles.length)]!,
      standby: below(64),
      pauseMs: below(PAUSE_MS_MAX),
      flows: 1 + below(FLOWS_MAX),
    };
  }
}

/** Tommy Ettinger's generator of 32 bits (public domain). @returns numbers from 0 to below 1 */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
