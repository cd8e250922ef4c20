import type { CheckpointPosition } from '@raftwall/flow-table';
import type { Clock, Logger } from './ports.ts';

/** Where the table's durable form is written; `Checkpoint` of `@raftwall/flow-table`. */
export interface CheckpointStore {
  write(position: CheckpointPosition): Promise<unknown>;
  /** Forgets what is on disk: the table is about to be another one. */
  restart(): Promise<void>;
}

export interface CheckpointerOptions {
  /** Pause between two rounds. */
  readonly intervalMs: number;
  /** Log index of the checkpoint that is on disk, 0 for none. */
  readonly writtenIndex: number;
}

export interface CheckpointerDependencies {
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFailure: (error: Error) => void;
}

/** What is written, and the log that is cut behind it. */
export interface CheckpointSource {
  /** What is applied now; applied entries are durable in the own log (rule T4). */
  readonly position: () => CheckpointPosition;
  /** The log up to `index` is not needed for a restart any more. */
  readonly compact: (index: number) => Promise<unknown>;
}

/** Writes the table to disk in rounds and lets the log be cut behind each. The first failure is the last round. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #dependencies: CheckpointerDependencies;
  #source: CheckpointSource | null = null;
  #writtenIndex: number;
  #cancel: (() => void) | null = null;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;
  #failed = false;

  constructor(options: CheckpointerOptions, dependencies: CheckpointerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#writtenIndex = options.writtenIndex;
  }

  /** Log index of the newest checkpoint that is on disk. */
  get writtenIndex(): number {
    return this.#writtenIndex;
  }

  start(source: CheckpointSource): void {
    this.#source = source;
    this.#schedule();
  }

  /** Writes a last round, so that a restart has little to replay. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#round;
    await this.#write();
  }

  /**
   * Has the table filled anew (rule T5): no round is written while `fill` runs, and the next one writes all of it.
   *
   * @throws {Error} What kept the disk from forgetting or `fill` from filling; nothing is written any more then.
   */
  async replace(fill: () => Promise<void>): Promise<void> {
    const replaced = this.#round.then(() => this.#replace(fill));
    this.#round = replaced.then(
      () => this.#schedule(),
      () => undefined,
    );
    await replaced;
  }

  async #replace(fill: () => Promise<void>): Promise<void> {
    this.#cancel?.();
    // Half a table must never be taken for a whole one.
    this.#failed = true;
    await this.#dependencies.store.restart();
    this.#writtenIndex = 0;
    await fill();
    this.#failed = false;
  }

  #schedule(): void {
    if (this.#stopped || this.#source === null) return;
    this.#cancel?.();
    this.#cancel = this.#dependencies.clock.setTimer(this.#options.intervalMs, () => {
      this.#round = this.#write().then(() => this.#schedule());
    });
  }

  async #write(): Promise<void> {
    if (this.#failed || this.#source === null) return;
    const { store, onFailure, logger } = this.#dependencies;
    const position = this.#source.position();
    const { index } = position;
    if (index === this.#writtenIndex) return;
    try {
      await store.write(position);
      this.#writtenIndex = index;
      await this.#source.compact(index);
    } catch (error) {
      this.#failed = true;
      this.#stopped = true;
      logger.error({ error }, 'the checkpoint could not be written');
      onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
