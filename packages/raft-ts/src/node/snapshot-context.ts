import type { RaftCore } from '../core/raft.ts';
import type { NodeId, SnapshotMeta } from '../core/types.ts';
import type { RaftMetrics } from '../metrics.ts';
import type { Clock, SnapshotStore, StateMachine, Transport } from '../ports.ts';

/** A state machine that can give its state away and take another's. */
export type SnapshottingStateMachine<R> = StateMachine<R> &
  Required<Pick<StateMachine<R>, 'snapshot' | 'restore'>>;

/** What the parts that deal with snapshots work with. */
export interface SnapshotContext {
  readonly core: RaftCore;
  readonly store: SnapshotStore;
  readonly stateMachine: SnapshottingStateMachine<unknown>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly metrics: RaftMetrics | null;
  /** Runs an input of the member: not at all once it has stopped, and what it throws stops it. */
  readonly turn: (action: () => void) => void;
  readonly listener: SnapshotListener;
}

/** What the member has to know of its snapshots. */
interface SnapshotListener {
  onCreated(meta: SnapshotMeta): void;
  onSent(to: NodeId, meta: SnapshotMeta): void;
  /** The state machine has been replaced. */
  onRestored(meta: SnapshotMeta): void;
  onFailed(error: Error): void;
}
