import { pathToFileURL } from 'node:url';
import { beginFile, type Case, cases } from './collector.ts';

/** What the worker is told. */
export type Order =
  | { readonly kind: 'load'; readonly files: readonly string[] }
  | { readonly kind: 'try'; readonly id: number };

/** What it answers. */
export type Report =
  | {
      readonly kind: 'loaded';
      readonly tests: number;
      readonly failed: readonly string[];
      /** Mutants that some test reaches. */
      readonly reached: readonly number[];
    }
  | {
      readonly kind: 'tried';
      readonly id: number;
      /** Name of the test that failed; null when the mutant survived. */
      readonly killer: string | null;
    };

/** A mutant that makes a test ask this many times more often than without it runs in circles. */
const stepsFactorMax = 30;
const stepsMin = 100_000;

class Switch {
  active = 0;
  steps = 0;
  stepsMax = Number.POSITIVE_INFINITY;
  reached: Set<number> | null = null;

  is(id: number): boolean {
    if (++this.steps > this.stepsMax) {
      throw new Error('the test does not come to an end');
    }
    this.reached?.add(id);
    return id === this.active;
  }
}

interface Profile {
  readonly test: Case;
  readonly reached: ReadonlySet<number>;
  readonly steps: number;
  readonly tookMs: number;
}

const mutants = new Switch();
Reflect.set(globalThis, 'mutants', mutants);
const profiles: Profile[] = [];
const killers = new Map<Case, number>();

async function load(files: readonly string[]): Promise<Report> {
  for (const file of files) {
    beginFile(file);
    await import(pathToFileURL(file).href);
  }
  const failed: string[] = [];
  for (const test of cases()) {
    const reached = new Set<number>();
    mutants.reached = reached;
    mutants.steps = 0;
    const startMs = performance.now();
    await test.run().catch((error: unknown) => failed.push(`${test.name}: ${String(error)}`));
    profiles.push({ test, reached, steps: mutants.steps, tookMs: performance.now() - startMs });
  }
  mutants.reached = null;
  const reached = [...new Set(profiles.flatMap((profile) => [...profile.reached]))];
  return { kind: 'loaded', tests: cases().length, failed, reached };
}

/** Runs the tests that reach the mutant, those first that are quick and kill many, until one fails. */
async function attempt(id: number): Promise<Report> {
  const rank = ({ test, tookMs }: Profile): number => tookMs / (1 + (killers.get(test) ?? 0));
  const chosen = profiles
    .filter(({ reached }) => reached.has(id))
    .sort((a, b) => rank(a) - rank(b));
  mutants.active = id;
  let killer: string | null = null;
  for (const { test, steps } of chosen) {
    mutants.steps = 0;
    mutants.stepsMax = Math.max(stepsMin, steps * stepsFactorMax);
    try {
      await test.run();
    } catch {
      killers.set(test, (killers.get(test) ?? 0) + 1);
      killer = test.name;
      break;
    }
  }
  mutants.active = 0;
  mutants.stepsMax = Number.POSITIVE_INFINITY;
  return { kind: 'tried', id, killer };
}

process.on('message', (order: Order) => {
  const work = order.kind === 'load' ? load(order.files) : attempt(order.id);
  void work.then((report) => process.send?.(report));
});
