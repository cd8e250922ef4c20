/**
 * Raft for TypeScript: a core without I/O (`RaftCore`), and a driver that runs it over ports (`RaftNode`).
 *
 * Who uses `RaftNode` has these duties:
 *
 * 1. Give it a `LogStore` whose `append` reports done only when everything of the batch is durable, in order.
 * 2. Give it a `StateMachine` that is deterministic, and whose `appliedIndex` never runs ahead of what its own storage holds.
 * 3. Keep `ProposalUnknownError` apart from the other failures: that proposal may still commit, so a retry must be
 *    recognisable as the same (a sequence number in the data, or a `ClientSession`).
 * 4. For a linearizable read: await `readIndex()`, then wait until `appliedIndex` has reached it, then read.
 * 5. Call `compact(index)` only for an index that the state machine has made durable, by itself or in a snapshot.
 * 6. On `storageFailed` or `failed` the member is down for good: say so, close it, end the process.
 * 7. Name the same `members` on every member and at every start, until the first change of membership is in the log.
 *
 * `raft-ts/core` is the core alone.
 */

export * from './core/index.ts';
export {
  AppliedBeyondLogError,
  AssertionFailedError,
  BootstrapMismatchError,
  BusyError,
  ClosedError,
  ConfigChangeInProgressError,
  ConfigConflictError,
  EntryTooLargeError,
  type ErrorMetadata,
  InvalidMembershipError,
  InvalidOptionError,
  LearnerNotLevelError,
  MemberFailedError,
  NotLeaderError,
  ProposalDroppedError,
  ProposalUnknownError,
  RaftError,
  ReadIndexFailedError,
  SnapshotUnavailableError,
  StateBehindLogError,
  TransferFailedError,
} from './errors.ts';
export type { Counter, Gauge, Histogram, RaftMetrics } from './metrics.ts';
export type { Listener } from './node/emitter.ts';
export type { GivenUpReason } from './node/promoter.ts';
export type { Applied } from './node/proposal-table.ts';
export type { RaftEvents } from './node/raft-events.ts';
export { RaftNode, type RaftNodeDependencies } from './node/raft-node.ts';
export type { ReadPolicy } from './node/requests.ts';
export type { MemberStatus, RaftStatus } from './node/status.ts';
export { SystemClock } from './node/system-clock.ts';
export {
  defaultLimits,
  type LimitOptions,
  type RaftNodeOptions,
  type TimingOptions,
  timingProfiles,
} from './options.ts';
export type {
  AppendBatch,
  BootstrapMembers,
  Clock,
  Done,
  LogReader,
  LogStore,
  RestoredState,
  SnapshotContent,
  SnapshotOffered,
  SnapshotReader,
  SnapshotStore,
  SnapshotWriter,
  StateMachine,
  Transport,
} from './ports.ts';
export * from './sessions/index.ts';
export * from './storage/index.ts';
export * from './transport/index.ts';
