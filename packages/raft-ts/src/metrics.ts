/** Counts up. A prom-client `Counter` without labels fits. */
export interface Counter {
  /** Adds `by`, 1 when absent. */
  inc(by?: number): void;
}

/** Counts observations. A prom-client `Histogram` without labels fits. */
export interface Histogram {
  /** Takes one value, in the unit that the metric's name ends with. */
  observe(value: number): void;
}

/** What a member measures; passed in, or null when nobody looks. Times in seconds. */
export interface RaftMetrics {
  readonly proposalsTotal: Counter;
  /** Proposals refused at once, with nothing in the log. */
  readonly proposalsRefusedTotal: Counter;
  /** Proposals and reads that ended without an answer. */
  readonly requestsExpiredTotal: Counter;
  readonly forwardedTotal: Counter;
  readonly leaderChangesTotal: Counter;
  /** Elections put off because the own timer was late (rule L5). */
  readonly electionsForgoneTotal: Counter;
  readonly appendBatchesTotal: Counter;
  readonly appendedEntriesTotal: Counter;
  readonly appliedEntriesTotal: Counter;
  readonly snapshotsCreatedTotal: Counter;
  readonly snapshotsSentTotal: Counter;
  /** Times that the state machine was replaced by a snapshot, of another member or its own. */
  readonly snapshotsInstalledTotal: Counter;
  /** Snapshots that could not be taken, and transfers that broke; both are tried again. */
  readonly snapshotFailuresTotal: Counter;
  /** From asking the state machine until the snapshot is durable. */
  readonly snapshotCreateSeconds: Histogram;
  /** From handing a batch to the log until it is durable. */
  readonly appendSeconds: Histogram;
  readonly applySliceSeconds: Histogram;
  /** How late the tick timer was. */
  readonly loopDelaySeconds: Histogram;
}
