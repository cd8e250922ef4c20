import { parentPort } from 'node:worker_threads';
import { Simulator, type SimulatorOptions } from './simulator.ts';
import type { SwarmChunk } from './swarm.ts';
import { addRun, emptyTally, type SwarmTally } from './swarm-tally.ts';

/** Runs the seeds of one chunk, and stops at the first that fails. */
async function runChunk({ firstSeed, seeds, choice }: SwarmChunk): Promise<SwarmTally> {
  const tally = emptyTally();
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const options: SimulatorOptions = { seed, ...choice };
    try {
      addRun(tally, await new Simulator(options).run());
    } catch (error) {
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      tally.failures.push({ seed, message });
      break;
    }
  }
  return tally;
}

parentPort?.on('message', (chunk: SwarmChunk) => {
  void runChunk(chunk).then((tally) => parentPort?.postMessage(tally));
});
