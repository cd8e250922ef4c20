import type { RaftMessage, SnapshotMessage } from './message.ts';
import type { Ready } from './ready.ts';
import type { RaftState } from './state.ts';
import type { ClusterConfig, Entry, EntryType, Index, NodeId, Role, Term } from './types.ts';

/** Where the member stands right after the event. */
export interface TraceBase {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly votedFor: NodeId | null;
  readonly commit: Index;
  readonly lastIndex: Index;
}

/** A message that leaves, or is taken in. */
export type TraceMessageName = `${'Send' | 'Receive'}${
  | `${'AppendEntries' | 'RequestVote'}${'Request' | 'Response'}`
  | 'Snapshot'
  | 'TimeoutNow'}`;

/** What is particular to each event. */
export type TraceDetail =
  | { readonly event: 'InitState' | 'BecomePreCandidate' | 'BecomeCandidate' | 'BecomeLeader' }
  | { readonly event: 'BecomeFollower'; readonly leader: NodeId | null }
  /** The leader appended an entry of its own. */
  | { readonly event: 'Replicate'; readonly index: Index; readonly type: EntryType }
  | { readonly event: 'Commit' }
  /** A configuration holds from now on: it was appended, or the one behind it was overwritten. */
  | { readonly event: 'ChangeConf'; readonly index: Index; readonly config: ClusterConfig }
  /** A configuration is committed. */
  | { readonly event: 'ApplyConfChange'; readonly index: Index; readonly config: ClusterConfig }
  /** Effects were handed out: so many messages, entries to append and entries to apply. */
  | {
      readonly event: 'Ready';
      readonly sending: number;
      readonly appending: number;
      readonly applying: number;
    }
  /** Heartbeats are AppendEntries, and pre-votes RequestVote; `message.kind` tells them apart. */
  | { readonly event: TraceMessageName; readonly message: RaftMessage | SnapshotMessage }
  /** The driver is asked for a snapshot for this member. */
  | { readonly event: 'SnapshotDue'; readonly to: NodeId };

/**
 * One transition of one member, under the names that etcd's raft traces for its TLA+ specification, and a few more. Objects in
 * it are the core's own and must not be changed.
 */
export type TraceEvent = TraceBase & TraceDetail;

/** Takes each event when it happens. Must not call back into the core, nor throw. */
export type TraceSink = (event: TraceEvent) => void;

const messageNames: Readonly<Record<(RaftMessage | SnapshotMessage)['kind'], string>> = {
  append: 'AppendEntriesRequest',
  heartbeat: 'AppendEntriesRequest',
  'append-response': 'AppendEntriesResponse',
  'heartbeat-response': 'AppendEntriesResponse',
  vote: 'RequestVoteRequest',
  'pre-vote': 'RequestVoteRequest',
  'vote-response': 'RequestVoteResponse',
  'pre-vote-response': 'RequestVoteResponse',
  'timeout-now': 'TimeoutNow',
  snapshot: 'Snapshot',
};

/** Whoever calls this on a path that is taken often asks first whether there is a sink, so that nothing is made for none. */
export function trace(state: RaftState, detail: TraceDetail): void {
  if (state.trace === null) return;
  const { id, role, term, votedFor, commit, log } = state;
  state.trace({ id, role, term, votedFor, commit, lastIndex: log.lastIndex, ...detail });
}

export function traceReceived(state: RaftState, message: RaftMessage | SnapshotMessage): void {
  if (state.trace === null) return;
  trace(state, { event: `Receive${messageNames[message.kind]}` as TraceMessageName, message });
}

export function traceSent(state: RaftState, messages: readonly RaftMessage[]): void {
  if (state.trace === null) return;
  for (const message of messages) {
    trace(state, { event: `Send${messageNames[message.kind]}` as TraceMessageName, message });
  }
}

export function traceReady(state: RaftState, ready: Ready): void {
  if (state.trace === null) return;
  const appending = ready.append?.entries.length ?? 0;
  const { send, apply, snapshotsDue } = ready;
  trace(state, { event: 'Ready', sending: send.length, appending, applying: apply.length });
  traceSent(state, send);
  for (const { to } of snapshotsDue) trace(state, { event: 'SnapshotDue', to });
}

/** An event as one line of JSON, for a file that people and checkers read. The data of entries are left out. */
export function formatTraceEvent(event: TraceEvent): string {
  return JSON.stringify(event, (key, value) => (key === 'entries' ? summaryOf(value) : value));
}

function summaryOf(entries: readonly Entry[]): unknown {
  return entries.map(({ index, term, type, data }) => ({ index, term, type, bytes: data.length }));
}
