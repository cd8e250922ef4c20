import type { CheckpointPosition } from '@raftwall/flow-table';
import type { Clock, Logger } from './ports.ts';

/** Where the table's durable form is written; `Checkpoint` of `@raftwall/flow-table`. */
export interface CheckpointStore {
  write(position: CheckpointPosition): Promise<unknown>;
}

export interface CheckpointerOptions {
  /** Pause between two rounds. */
  readonly intervalMs: number;
}

export interface CheckpointerDependencies {
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is applied now; applied entries are durable in the own log (rule T4). */
  readonly position: () => CheckpointPosition;
  /** The log up to `index` is not needed for a restart any more. */
  readonly compact: (index: number) => Promise<unknown>;
  readonly onFailure: (error: Error) => void;
}

/** Writes the table to disk in rounds and lets the log be cut behind each. The first failure is the last round. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #dependencies: CheckpointerDependencies;
  #writtenIndex = 0;
  #cancel: (() => void) | null = null;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: CheckpointerOptions, dependencies: CheckpointerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Log index of the newest checkpoint that is on disk. */
  get writtenIndex(): number {
    return this.#writtenIndex;
  }

  start(writtenIndex: number): void {
    this.#writtenIndex = writtenIndex;
    this.#schedule();
  }

  /** Writes a last round, so that a restart has little to replay. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#round;
    await this.#write();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancel = this.#dependencies.clock.setTimer(this.#options.intervalMs, () => {
      this.#round = this.#write().then(() => this.#schedule());
    });
  }

  async #write(): Promise<void> {
    const { store, position, compact, onFailure, logger } = this.#dependencies;
    const now = position();
    const { index } = now;
    if (index === this.#writtenIndex) return;
    try {
      await store.write(now);
      this.#writtenIndex = index;
      await compact(index);
    } catch (error) {
      this.#stopped = true;
      logger.error({ error }, 'the checkpoint could not be written');
      onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
