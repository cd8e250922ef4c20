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
 * 5. Call `compact(index)` only for an index that the state machine has made durable.
 * 6. On `storageFailed` or `failed` the member is down for good: say so, close it, end the process.
 *
 * Who drives `RaftCore` without `RaftNode` does for every `ready()`, in this order:
 *
 * 1. Send the messages of `send`.
 * 2. Make `append` durable: truncate, entries, hard state, torn mark. Then send its `thenSend`, then call `appendDone(id)`.
 *    The next append comes only after that. On an error: stop, send nothing more, never try again.
 * 3. Apply the entries of `apply` in order, then call `applied(index)`; the next ones come after that.
 * 4. Answer the reads of `readStates`, follow `softState` and `config`.
 * 5. Call `tick()` at an even pace, with `mayCampaign` false when the own timer was late.
 */

export { decodeConfig, encodeConfig, initialConfig } from './core/config.ts';
export type { ProposeRefusal, TransferRefusal } from './core/leader.ts';
export type { MembershipChange, MembershipRefusal } from './core/membership.ts';
export type {
  AppendRequest,
  AppendResponse,
  ForwardedRequest,
  ForwardedResponse,
  Heartbeat,
  HeartbeatResponse,
  Message,
  RaftMessage,
  SnapshotMessage,
  TimeoutNow,
  VoteRequest,
  VoteResponse,
} from './core/message.ts';
export { type MemberProgress, RaftCore } from './core/raft.ts';
export type { ReadState } from './core/read-index.ts';
export type { Ready, ReadyAppend, SoftState } from './core/ready.ts';
export type { CoreDependencies, CoreOptions, CoreRestored } from './core/state.ts';
export {
  type ClusterConfig,
  type Entry,
  EntryType,
  type HardState,
  type Index,
  type LogId,
  type NodeId,
  type Role,
  type SnapshotMeta,
  type SnapshotPosition,
  snapshotFormatVersion,
  type Term,
} from './core/types.ts';
export {
  AppliedBeyondLogError,
  AssertionFailedError,
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
  TransferFailedError,
} from './errors.ts';
export type { Counter, Histogram, RaftMetrics } from './metrics.ts';
export type { Applied } from './node/proposal-table.ts';
export { type RaftEvents, RaftNode, type RaftNodeDependencies } from './node/raft-node.ts';
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
