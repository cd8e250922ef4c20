import type { DigestSummary } from '@raftwall/flow-table';
import { CommandKind, type DigestCommand, encodeCommand } from './command.ts';
import type { EventLog } from './event-log.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Clock, Consensus, Logger } from './ports.ts';

export interface DigestWatchOptions {
  readonly node: string;
  /** Pause between two digests of the active node. */
  readonly intervalMs: number;
}

export interface DigestWatchDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly events: EventLog;
  readonly table: { digest(): DigestSummary };
  /** Whether this node is the active one. */
  readonly isActive: () => boolean;
  /** Entries up to this index may be in the table already when they are applied again after a restart. */
  readonly replayedUntil: () => number;
}

/** Where this table was found to differ from another member's. */
export interface TableDifference {
  readonly node: string;
  readonly index: number;
}

/**
 * Rule T6: members whose tables have parted find it out. The active node commits what its table was at its last such entry;
 * every member remembers what its own was there. Neither order nor seeds nor times count.
 */
export class DigestWatch {
  readonly #options: DigestWatchOptions;
  readonly #dependencies: DigestWatchDependencies;
  #proposedMs: number;
  #proposing = false;
  /** The newest `digest` entry, and this table there. */
  #index = 0;
  #records = '';
  #difference: TableDifference | null = null;

  constructor(options: DigestWatchOptions, dependencies: DigestWatchDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#proposedMs = dependencies.clock.nowMs();
  }

  /** The newest comparison found this table to differ; null when it did not. */
  get difference(): TableDifference | null {
    return this.#difference;
  }

  /** Looks once; called at a pace. */
  check(): void {
    const { clock, isActive, counters } = this.#dependencies;
    if (!isActive() || this.#proposing) return;
    if (clock.nowMs() - this.#proposedMs < this.#options.intervalMs) return;
    this.#proposedMs = clock.nowMs();
    this.#proposing = true;
    void this.#propose()
      .catch(() => countBy(counters.retries, 'digest'))
      .finally(() => {
        this.#proposing = false;
      });
  }

  onApplied(command: DigestCommand, index: number): void {
    const { replayedUntil, table } = this.#dependencies;
    if (index <= replayedUntil()) return;
    if (command.comparedIndex === this.#index && this.#index > 0) this.#compare(command);
    this.#index = index;
    this.#records = table.digest().records;
  }

  #compare(command: DigestCommand): void {
    const { counters, logger, events } = this.#dependencies;
    counters.digestsCompared += 1;
    if (command.records === this.#records) {
      this.#difference = null;
      return;
    }
    counters.digestsDifferent += 1;
    this.#difference = { node: command.node, index: command.comparedIndex };
    const message = `the flow table differs from that of ${command.node}`;
    logger.error({ ...this.#difference, theirs: command.records, own: this.#records }, message);
    events.add('storage', message, { index: command.comparedIndex });
  }

  async #propose(): Promise<void> {
    await this.#dependencies.consensus.propose(
      encodeCommand({
        kind: CommandKind.digest,
        node: this.#options.node,
        comparedIndex: this.#index,
        records: this.#records,
      }),
    );
  }
}
