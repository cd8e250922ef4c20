import type { RaftCore } from '../core/raft.ts';
import type { RaftMetrics } from '../metrics.ts';

/** What waits for an answer here. */
export interface Waiting {
  readonly proposals: number;
  readonly reads: number;
}

/** Tells the metrics at each tick what the core has counted since the last one, and how full the queues are. */
export class Meter {
  readonly #core: Pick<RaftCore, 'state'>;
  readonly #metrics: RaftMetrics;
  #before = { elections: 0, electionsWon: 0, quorumLosses: 0 };

  constructor(metrics: RaftMetrics, core: Pick<RaftCore, 'state'>) {
    this.#metrics = metrics;
    this.#core = core;
  }

  onTick(waiting: Waiting): void {
    const metrics = this.#metrics;
    const { counts, uncommittedBytes, log, commit, applied } = this.#core.state;
    const before = this.#before;
    metrics.electionsTotal.inc(counts.elections - before.elections);
    metrics.electionsWonTotal.inc(counts.electionsWon - before.electionsWon);
    metrics.quorumLossesTotal.inc(counts.quorumLosses - before.quorumLosses);
    this.#before = { ...counts };
    metrics.proposalsWaiting.set(waiting.proposals);
    metrics.readsWaiting.set(waiting.reads);
    metrics.uncommittedBytes.set(uncommittedBytes);
    metrics.unsyncedEntries.set(log.lastIndex - log.stableIndex);
    metrics.unappliedEntries.set(commit - applied);
  }
}
