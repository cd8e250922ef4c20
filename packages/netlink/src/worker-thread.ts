import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** A worker needs little: its data lie in shared memory. */
const HEAP_MEGABYTES = 32;

/** Called with the cause when a worker ends without having been asked to. */
export type FailureHandler = (error: Error) => void;

/**
 * One thread of this package. Its script ends by itself when the shared memory tells it to stop.
 *
 * @param script A compiled module beside this one, for example `./reader-worker.js`.
 */
export class WorkerThread {
  readonly #worker: Worker;
  readonly #exited: Promise<unknown>;
  #stopping = false;

  constructor(script: URL, data: unknown, onWake: () => void, onFailure: FailureHandler) {
    this.#worker = new Worker(script, {
      workerData: data,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', onWake);
    let failure: Error | null = null;
    this.#worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on('exit', (code) => {
      if (this.#stopping) return;
      onFailure(failure ?? new Error(`worker ended by itself with code ${code}`));
    });
    this.#exited = once(this.#worker, 'exit').catch(() => undefined);
  }

  /** From now on the end of the thread is expected. @returns When it has ended. */
  async ended(): Promise<void> {
    this.#stopping = true;
    await this.#exited;
  }
}
