import type { Random } from '../../src/testing/random.ts';

/** Whom a fault strikes: members by name, or whoever leads at that moment. */
export type Victims = readonly string[] | 'leader';

export type ProcessFault =
  /** `kill -9` of all victims at once, then a new start. */
  | {
      readonly kind: 'kill';
      readonly victims: Victims;
      /** Operations that the others answer before the victims start again. */
      readonly operationsWhileDown: number;
      /** After so many milliseconds the new process is killed too, in the middle of its start; null for not. */
      readonly againMs: number | null;
    }
  | { readonly kind: 'pause'; readonly victims: Victims; readonly forMs: number };

export type NetworkFault =
  | {
      readonly kind: 'cut' | 'block';
      readonly some: readonly string[];
      readonly others: readonly string[];
    }
  | { readonly kind: 'delay'; readonly delayMsMax: number };

/** The network fails, operations are answered, a process fails, and all is well again. */
export interface Step {
  readonly network: NetworkFault | null;
  readonly operations: number;
  readonly process: ProcessFault;
}

/** Longest election timeout of the timing profile that the example uses. */
const electionTimeoutMsMax = 600;

/** Steps with at least so many kills, the same for the same seed. A kill of the leader counts as one. */
export function schedule(random: Random, ids: readonly string[], kills: number): Step[] {
  const steps: Step[] = [];
  for (let count = 0; count < kills; count += killsIn(steps.at(-1)!)) {
    steps.push({
      network: random.chance(0.4) ? networkFault(random, ids) : null,
      operations: random.integer(5, 60),
      process: random.chance(0.85) ? kill(random, ids) : pause(random, ids),
    });
  }
  return steps;
}

export function killsIn({ process }: Step): number {
  if (process.kind !== 'kill') return 0;
  const victims = process.victims === 'leader' ? 1 : process.victims.length;
  return process.againMs === null ? victims : 2 * victims;
}

function kill(random: Random, ids: readonly string[]): ProcessFault {
  return {
    kind: 'kill',
    victims: victims(random, ids),
    operationsWhileDown: random.chance(0.5) ? random.integer(1, 30) : 0,
    againMs: random.chance(0.2) ? random.integer(50, 500) : null,
  };
}

function pause(random: Random, ids: readonly string[]): ProcessFault {
  const forMs = electionTimeoutMsMax * random.between(1.1, 3);
  return { kind: 'pause', victims: victims(random, ids), forMs };
}

function victims(random: Random, ids: readonly string[]): Victims {
  if (random.chance(0.5)) return 'leader';
  const minority = (ids.length - 1) / 2;
  const count = random.pick([1, minority, minority, minority + 1, ids.length]);
  return random.shuffle(ids).slice(0, count);
}

function networkFault(random: Random, ids: readonly string[]): NetworkFault {
  const kind = random.pick(['cut', 'block', 'delay'] as const);
  if (kind === 'delay') return { kind, delayMsMax: random.integer(5, 100) };
  const shuffled = random.shuffle(ids);
  const count = random.integer(1, ids.length - 1);
  return { kind, some: shuffled.slice(0, count), others: shuffled.slice(count) };
}
