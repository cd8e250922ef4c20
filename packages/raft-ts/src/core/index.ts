/**
 * The algorithm alone: no I/O, no clock, no randomness of its own, no module of Node or of npm. It runs wherever JavaScript does.
 *
 * Who drives `RaftCore` without `RaftNode` does for every `ready()`, in this order:
 *
 * 1. Send the messages of `send`.
 * 2. Make `append` durable: reset, truncate, entries, hard state, torn mark. Then send its `thenSend`, then call `appendDone(id)`.
 *    The next append comes only after that. On an error: stop, send nothing more, never try again.
 * 3. Apply the entries of `apply` in order, then call `applied(index)`; the next ones come after that.
 * 4. When `restore` is there, replace the state by that snapshot, then call `restored(snapshot)`; apply nothing before. Step a
 *    `snapshot` message only when that snapshot is durable here. Send members the snapshots of `snapshotsDue`, and report.
 * 5. Answer the reads of `readStates`, follow `softState` and `config`.
 * 6. Call `tick()` at an even pace, with `mayCampaign` false when the own timer was late.
 *
 * @module
 */

export { AssertionFailedError, type ErrorMetadata, RaftError } from '../errors.ts';
export type { AppendBatch, LogReader } from '../ports.ts';
export { decodeConfig, encodeConfig, initialConfig } from './config.ts';
export type { ProposeRefusal, TransferRefusal } from './leader.ts';
export type { LeaseRounds } from './lease.ts';
export type { MembershipChange, MembershipRefusal } from './membership.ts';
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
} from './message.ts';
export { type MemberProgress, RaftCore } from './raft.ts';
export type { ReadState } from './read-index.ts';
export type { Ready, ReadyAppend, SnapshotDue, SoftState } from './ready.ts';
export type { CoreDependencies, CoreOptions, CoreRestored } from './state.ts';
export {
  formatTraceEvent,
  type TraceBase,
  type TraceDetail,
  type TraceEvent,
  type TraceMessageName,
  type TraceSink,
} from './trace.ts';
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
} from './types.ts';
