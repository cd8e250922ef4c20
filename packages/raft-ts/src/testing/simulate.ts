import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Simulator, type SimulatorOptions } from './simulator.ts';
import { Swarm } from './swarm.ts';
import { describeCoverage, type SwarmTally } from './swarm-tally.ts';

const usage = `usage: simulate.js [--seed N] [--seeds N] [--minutes N] [--workers N] [--disk yes|no] [--membership yes|no]
  --seed        the first seed; 1
  --seeds       how many; without it and without --minutes the one seed is run and traced
  --minutes     how long, at most
  --workers     threads; one a core
  --disk        logs in files on simulated disks or in memory, instead of as the seed draws
  --membership  members come and go or stay, instead of as the seed draws`;

function wholeNumber(text: string, min: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min) throw new Error(usage);
  return value;
}

function parseChoice(text: string | undefined): boolean | undefined {
  if (text !== undefined && text !== 'yes' && text !== 'no') throw new Error(usage);
  return text === undefined ? undefined : text === 'yes';
}

async function replay(options: SimulatorOptions): Promise<void> {
  const report = await new Simulator({ ...options, onTrace: (line) => console.log(line) }).run();
  console.log(JSON.stringify(report));
}

function say(tally: SwarmTally, elapsedMs: number): void {
  const seconds = elapsedMs / 1000;
  const rate = (tally.seeds / seconds).toFixed(1);
  console.log(`${tally.seeds} seeds hold after ${seconds.toFixed(0)} s (${rate} a second)`);
}

/** Exit code 1 when a seed fails. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      disk: { type: 'string' },
      membership: { type: 'string' },
    },
  });
  const seed = wholeNumber(values.seed, 0);
  const [disk, membership] = [parseChoice(values.disk), parseChoice(values.membership)];
  const choice = {
    ...(disk === undefined ? {} : { disk }),
    ...(membership === undefined ? {} : { membership }),
  };
  if (values.seeds === undefined && values.minutes === undefined) {
    await replay({ seed, ...choice });
    return;
  }
  const swarm = new Swarm(
    {
      firstSeed: seed,
      seeds: values.seeds === undefined ? Number.POSITIVE_INFINITY : wholeNumber(values.seeds, 1),
      minutes: values.minutes === undefined ? null : wholeNumber(values.minutes, 1),
      workers: wholeNumber(values.workers, 1),
      choice,
    },
    { worker: new URL('./sim-worker.js', import.meta.url), onProgress: say },
  );
  const tally = await swarm.run();
  say(tally, swarm.elapsedMs);
  console.log(`seeds with: ${describeCoverage(tally)}`);
  for (const failure of tally.failures) {
    console.error(
      `seed ${failure.seed} failed (--seed ${failure.seed} replays it): ${failure.message}`,
    );
    process.exitCode = 1;
  }
}

await main();
