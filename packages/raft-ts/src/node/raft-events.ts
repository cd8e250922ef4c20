import type { ClusterConfig, Index, NodeId, Role, SnapshotMeta, Term } from '../core/types.ts';
import type { MemberFailedError } from '../errors.ts';
import type { GivenUpReason } from './promoter.ts';

/** What a member tells its owner, with the values that a listener gets. */
export interface RaftEvents {
  /** Another member leads, or nobody is known to. */
  leader: readonly [leader: NodeId | null, term: Term];
  role: readonly [role: Role, term: Term];
  /** Entries up to here have been applied. */
  applied: readonly [index: Index];
  /** Another configuration holds now. */
  config: readonly [config: ClusterConfig];
  /** A learner has become a voter by itself (`autoPromote`). */
  learnerPromoted: readonly [id: NodeId];
  /** A learner does not get level; it is tried again later. */
  promotionGivenUp: readonly [id: NodeId, why: GivenUpReason];
  /** A snapshot of the own state is durable. */
  snapshotCreated: readonly [meta: SnapshotMeta];
  /** A member has received a snapshot. */
  snapshotSent: readonly [to: NodeId, meta: SnapshotMeta];
  /** The state machine has been replaced by a snapshot; `applied` follows. */
  snapshotInstalled: readonly [meta: SnapshotMeta];
  /** No snapshot could be taken; the member goes on, and tries again later. */
  snapshotFailed: readonly [error: Error];
  /** The log failed: the member has stopped for good and answers nothing any more. */
  storageFailed: readonly [error: MemberFailedError];
  /** The state machine threw or an invariant is broken: the member has stopped for good. */
  failed: readonly [error: Error];
}
