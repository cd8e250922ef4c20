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

/** A value that goes up and down. A prom-client `Gauge` without labels fits. */
export interface Gauge {
  /** Takes the value's place. */
  set(value: number): void;
}

/** What a member measures; passed in, or null when nobody looks. Times in seconds. */
export interface RaftMetrics {
  readonly proposalsTotal: Counter;
  /** Proposals refused at once, with nothing in the log. */
  readonly proposalsRefusedTotal: Counter;
  /** Proposals and reads that ended without an answer. */
  readonly requestsExpiredTotal: Counter;
  readonly forwardedTotal: Counter;
  /** From a proposal on this member until it was applied here; those that failed are not in it. */
  readonly proposalSeconds: Histogram;
  /** Reads that were asked for on this member, by whatever policy. */
  readonly readsTotal: Counter;
  /** Those of them that a lease answered. */
  readonly leaseReadsTotal: Counter;
  /** From asking for a read index until it is known; those that failed are not in it. */
  readonly readSeconds: Histogram;
  /** Proposals of this member without an outcome, at most `proposalsMax`; and what else waits, at each tick. */
  readonly proposalsWaiting: Gauge;
  /** At most `readsMax`. */
  readonly readsWaiting: Gauge;
  /** On the leader, at most about `uncommittedBytesMax`. */
  readonly uncommittedBytes: Gauge;
  readonly unsyncedEntries: Gauge;
  readonly unappliedEntries: Gauge;
  readonly leaderChangesTotal: Counter;
  /** Times that this member stood for election, pre-votes counted. */
  readonly electionsTotal: Counter;
  readonly electionsWonTotal: Counter;
  /** Times that this member stepped down because it did not hear a quorum. */
  readonly quorumLossesTotal: Counter;
  /** Transfers of leadership that were asked for on this member. */
  readonly transfersTotal: Counter;
  readonly transferFailuresTotal: Counter;
  /** Changes of the members that this member began as leader. */
  readonly membershipChangesTotal: Counter;
  /** Learners that became voters by themselves. */
  readonly learnersPromotedTotal: Counter;
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
