import { parseArgs } from 'node:util';
import type { VrrpMode } from './raftwall-daemon.ts';
import { soak } from './soak/soak.ts';
import { Timeline } from './timeline.ts';

/** `npm run soak -- --minutes 60 --seed 1 --mode follow`: random faults, one after the other; a seed replays them. */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    mode: { type: 'string', default: 'follow' },
  },
});

const timeline = new Timeline(process.stdout);
try {
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0) || !Number.isInteger(seed) || !/^(follow|lead|strict)$/.test(values.mode)) {
    throw new Error('usage: npm run soak -- [--minutes N] [--seed N] [--mode follow|lead|strict]');
  }
  timeline.heading(`${minutes} minutes, mode ${values.mode}, seed ${seed}`);
  const rounds = await soak({ minutes, seed, mode: values.mode as VrrpMode, timeline });
  process.stdout.write(`${rounds} rounds, no session lost, tables equal, one writer\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
