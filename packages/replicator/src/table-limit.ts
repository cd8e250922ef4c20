import type { ReplicatorCounters } from './metrics.ts';
import type { Clock, Logger } from './ports.ts';

export interface TableLimitDependencies {
  readonly table: { readonly size: number };
  /** How many flows the table may hold, as the members agreed. */
  readonly flowsMax: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
}

const warnIntervalMs = 60_000;

/**
 * Rule T3: the agreed limit of the table is kept before anything is proposed, so that apply need not refuse. What is left
 * out now is found by a comparison when there is room again.
 */
export class TableLimit {
  readonly #dependencies: TableLimitDependencies;
  #warnedMs = Number.NEGATIVE_INFINITY;

  constructor(dependencies: TableLimitDependencies) {
    this.#dependencies = dependencies;
  }

  /** @param uncommitted Flows that are on their way into the table. */
  isFull(uncommitted: number): boolean {
    const { table, flowsMax } = this.#dependencies;
    return table.size + uncommitted >= flowsMax();
  }

  /** A flow is left out. */
  refuse(): void {
    const { counters, clock, logger, flowsMax } = this.#dependencies;
    counters.tableFull += 1;
    if (clock.nowMs() - this.#warnedMs < warnIntervalMs) return;
    this.#warnedMs = clock.nowMs();
    logger.warn(
      { flowsMax: flowsMax(), leftOut: counters.tableFull },
      'the flow table is full: further flows are not replicated until others end',
    );
  }
}
