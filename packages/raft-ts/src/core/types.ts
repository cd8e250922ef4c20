/** Name of a member, unique in the cluster for ever: a removed name returns only under a new incarnation. */
export type NodeId = string;
/** Raft term, a safe integer, 0 before the first election. */
export type Term = number;
/** Position in the log, a safe integer; the first entry has index 1. */
export type Index = number;

/** Names one entry: the log matching property says that equal ids mean equal prefixes. */
export interface LogId {
  readonly term: Term;
  readonly index: Index;
}

/** What an entry carries. The numbers are the durable and wire form and are never reused. */
export const EntryType = { normal: 0, noop: 1, config: 2 } as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One log entry. `data` is opaque to Raft for `normal`, empty for `noop`, an encoded `ClusterConfig` for `config`. */
export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must be durable before any message of the same `Ready.append` may leave (Raft paper, figure 2). */
export interface HardState {
  readonly term: Term;
  readonly votedFor: NodeId | null;
}

/** Who is a member and with which say; `votersOutgoing` is not empty only in a joint configuration. */
export interface ClusterConfig {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
  /** Where each member listens, `host:port`. */
  readonly addresses: Readonly<Record<NodeId, string>>;
  /** The format and behaviour that all members have agreed to use; raised only when every member supports it. */
  readonly featureLevel: number;
  /** How often the cluster was recovered from a lost majority: members of another generation are refused (rule L4). */
  readonly generation: number;
}

/** A state that a snapshot holds: that of the log up to and including one committed entry. */
export interface SnapshotPosition {
  /** The last entry whose effect is in the state, at least 1. */
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** The configuration as of `lastIndex`. */
  readonly config: ClusterConfig;
  /** Index of its entry, 0 for the first configuration; at most `lastIndex`. */
  readonly configIndex: Index;
}

/** What is known of one complete snapshot. Equal digest and position mean equal content. */
export interface SnapshotMeta extends SnapshotPosition {
  /** Length of the content. */
  readonly bytes: number;
  /** SHA-256 of the content, 64 hex digits in lower case. */
  readonly digest: string;
  /** How the content is wrapped by raft-ts, not what the state machine wrote; `snapshotFormatVersion` when it was made here. */
  readonly formatVersion: number;
}

/** The newest snapshot format; a member refuses a snapshot of a newer one. */
export const snapshotFormatVersion = 1;

/** What a member is at the moment; a learner is a follower that no configuration lets vote. */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';
