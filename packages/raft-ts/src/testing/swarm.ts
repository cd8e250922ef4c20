import { Worker } from 'node:worker_threads';
import type { SimulatorOptions } from './simulator.ts';
import { addTally, emptyTally, type SwarmTally } from './swarm-tally.ts';

export interface SwarmOptions {
  readonly firstSeed: number;
  /** `Infinity` when `minutes` alone ends it. */
  readonly seeds: number;
  /** No further seed is begun after this many; null for no limit. */
  readonly minutes: number | null;
  readonly workers: number;
  readonly choice?: Pick<SimulatorOptions, 'membership' | 'disk'>;
}

export interface SwarmDependencies {
  /** `sim-worker.js`, compiled. */
  readonly worker: URL;
  /** Called about every `progressMs` with what there is so far. */
  readonly onProgress?: (tally: SwarmTally, elapsedMs: number) => void;
}

/** Seeds that a worker gets in one go. */
export interface SwarmChunk {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly choice: NonNullable<SwarmOptions['choice']>;
}

const chunkSeedsMax = 20;
const progressMs = 10_000;

/** Runs seeds on several worker threads until all are done, time is up, or one fails. */
export class Swarm {
  readonly #options: SwarmOptions;
  readonly #dependencies: SwarmDependencies;
  readonly #tally = emptyTally();
  readonly #startMs = performance.now();
  #nextSeed: number;
  #nextProgressMs = progressMs;

  constructor(options: SwarmOptions, dependencies: SwarmDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#nextSeed = options.firstSeed;
  }

  /** The lowest failed seed is named; chunks under way are finished first. */
  async run(): Promise<SwarmTally> {
    const workers = Array.from({ length: this.#options.workers }, () => this.#work());
    await Promise.all(workers);
    this.#tally.failures.sort((a, b) => a.seed - b.seed);
    return this.#tally;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  async #work(): Promise<void> {
    const worker = new Worker(this.#dependencies.worker);
    try {
      for (let chunk = this.#take(); chunk !== null; chunk = this.#take()) {
        addTally(this.#tally, await this.#runOn(worker, chunk));
        this.#showProgress();
      }
    } finally {
      await worker.terminate();
    }
  }

  #take(): SwarmChunk | null {
    const { firstSeed, seeds, minutes, choice = {} } = this.#options;
    const left = firstSeed + seeds - this.#nextSeed;
    const isTimeUp = minutes !== null && this.elapsedMs >= minutes * 60_000;
    if (left <= 0 || isTimeUp || this.#tally.failures.length > 0) return null;
    const chunk = { firstSeed: this.#nextSeed, seeds: Math.min(left, chunkSeedsMax), choice };
    this.#nextSeed += chunk.seeds;
    return chunk;
  }

  #runOn(worker: Worker, chunk: SwarmChunk): Promise<SwarmTally> {
    return new Promise((resolve, reject) => {
      worker.removeAllListeners();
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`a worker ended with code ${code}`)));
      worker.postMessage(chunk);
    });
  }

  #showProgress(): void {
    if (this.elapsedMs < this.#nextProgressMs) return;
    this.#nextProgressMs = this.elapsedMs + progressMs;
    this.#dependencies.onProgress?.(this.#tally, this.elapsedMs);
  }
}
