import { parseArgs } from 'node:util';
import { Simulator } from './simulator.ts';

/** `simulate.js --seed N --seeds M`: runs M seeds from N on; a single seed is traced. Exit code 1 when one fails. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      quiet: { type: 'boolean', default: false },
    },
  });
  const first = Number(values.seed);
  const count = Number(values.seeds);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
    throw new Error('usage: simulate.js [--seed N] [--seeds M] [--quiet], N and M whole numbers');
  }
  const isTraced = count === 1 && !values.quiet;
  for (let seed = first; seed < first + count; seed++) {
    try {
      const trace = isTraced ? { onTrace: (line: string) => console.log(line) } : {};
      const report = await new Simulator({ seed, ...trace }).run();
      if (!values.quiet) console.log(JSON.stringify(report));
    } catch (error) {
      console.error(`seed ${seed} failed:`, error);
      process.exitCode = 1;
      return;
    }
  }
  console.log(`${count} seeds from ${first} hold`);
}

await main();
