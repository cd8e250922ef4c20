import { CommandKind, encodeCommand } from './command.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Clock, Consensus } from './ports.ts';

export interface SignOfLifeOptions {
  readonly node: string;
  readonly group: string;
  readonly aliveIntervalMs: number;
}

export interface SignOfLifeDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly counters: ReplicatorCounters;
  /** The epoch that this node holds as active node, or 0. */
  readonly activeEpoch: () => number;
}

/** Rule K9: an active node that has nothing else to commit says that it lives. */
export class SignOfLife {
  readonly #options: SignOfLifeOptions;
  readonly #dependencies: SignOfLifeDependencies;
  #lastMs = 0;
  #proposing = false;

  constructor(options: SignOfLifeOptions, dependencies: SignOfLifeDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Looks once whether it is time. */
  check(): void {
    const epoch = this.#dependencies.activeEpoch();
    const sinceMs = this.#dependencies.clock.nowMs() - this.#lastMs;
    if (epoch > 0 && sinceMs >= this.#options.aliveIntervalMs) this.give(epoch);
  }

  /** Says it at once. */
  give(epoch: number): void {
    this.note();
    if (this.#proposing) return;
    this.#proposing = true;
    const { consensus, counters } = this.#dependencies;
    const { group, node } = this.#options;
    void consensus
      .propose(encodeCommand({ kind: CommandKind.alive, group, epoch, node }))
      .catch(() => countBy(counters.retries, 'alive'))
      .finally(() => {
        this.#proposing = false;
      });
  }

  /** A batch says it as well. */
  note(): void {
    this.#lastMs = this.#dependencies.clock.nowMs();
  }
}
