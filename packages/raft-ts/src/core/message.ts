import type { Entry, Index, NodeId, SnapshotMeta, Term } from './types.ts';

/** What every message of the algorithm carries. */
interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; for `pre-vote` the term it would campaign in. */
  readonly term: Term;
}

/** Asks for a vote, or whether a vote would be given (Raft paper, section 5.2; dissertation, section 9.6). */
export interface VoteRequest extends Envelope {
  readonly kind: 'pre-vote' | 'vote';
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** Set when the campaign was asked for by the leader (TimeoutNow): leader stickiness does not apply. */
  readonly transfer: boolean;
}

/** Answers a `VoteRequest` of the same name. */
export interface VoteResponse extends Envelope {
  readonly kind: 'pre-vote-response' | 'vote-response';
  readonly granted: boolean;
  /**
   * Set by a voter whose last log group was torn and that no leader has brought level since (rule L3): its vote counts
   * only if every voter grants.
   */
  readonly tornLog: boolean;
}

/** Entries that follow `prevIndex` one by one (Raft paper, section 5.3); without entries it probes. */
export interface AppendRequest extends Envelope {
  readonly kind: 'append';
  readonly prevIndex: Index;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: Index;
}

/** Answers an `AppendRequest` once its entries are durable, or refuses it. */
export interface AppendResponse extends Envelope {
  readonly kind: 'append-response';
  readonly success: boolean;
  /** On success the last index known to match; on refusal the `prevIndex` that was refused. */
  readonly index: Index;
  /** On refusal: the largest index and its term at which the follower's log may still match (conflict-term hint). */
  readonly hintIndex: Index;
  readonly hintTerm: Term;
}

/** Keeps followers from campaigning, tells the commit index and confirms reads (dissertation, section 6.4). */
export interface Heartbeat extends Envelope {
  readonly kind: 'heartbeat';
  /** Never above what the receiver is known to hold: min(match, commit). */
  readonly commit: Index;
  /** Number of the newest ReadIndex round that an answer to this heartbeat confirms; 0 when none waits. */
  readonly readRound: number;
  /** Every member is known to hold the log up to here: nobody needs these entries from a peer again. Absent means 0. */
  readonly allMatched?: Index;
}

/** Answers a `Heartbeat`: the sender still follows this leader. */
export interface HeartbeatResponse extends Envelope {
  readonly kind: 'heartbeat-response';
  readonly readRound: number;
  /** The state machine lost its state, and only a snapshot at or above this index can restore it. Absent when it has one. */
  readonly wantedSnapshot?: Index;
}

/** Asks the receiver to campaign at once (dissertation, section 3.10), if its durable log reaches `lastIndex`. */
export interface TimeoutNow extends Envelope {
  readonly kind: 'timeout-now';
  readonly lastIndex: Index;
  readonly lastTerm: Term;
}

/**
 * The leader's snapshot is at the receiver, whole and durable (Raft paper, section 7). It never travels among the other
 * messages: it goes ahead of the content, on the connection of the content, and reaches the core when that is complete.
 */
export interface SnapshotMessage extends Envelope {
  readonly kind: 'snapshot';
  readonly meta: SnapshotMeta;
}

/** What members say to one another about elections and the log. With `SnapshotMessage` it is everything the core steps. */
export type RaftMessage =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | TimeoutNow;

/** A client request that a member forwards to the leader; the driver answers it, the core never sees it. */
export type ForwardedRequest =
  | {
      readonly kind: 'propose';
      readonly from: NodeId;
      readonly to: NodeId;
      readonly requestId: number;
      readonly data: Uint8Array;
      /** Term in which the receiver was seen to lead: in any other it refuses, so that a late request cannot overtake. */
      readonly term?: Term;
    }
  | {
      readonly kind: 'read-index';
      readonly from: NodeId;
      readonly to: NodeId;
      readonly requestId: number;
    }
  | {
      readonly kind: 'transfer';
      readonly from: NodeId;
      readonly to: NodeId;
      readonly requestId: number;
      readonly target: NodeId;
    };

/**
 * The leader's answer. For `propose` an accepted answer names the entry's position: the asking member learns the outcome
 * when it applies that index itself (same term: done; other term: surely lost).
 */
export interface ForwardedResponse {
  readonly kind: 'forward-response';
  readonly from: NodeId;
  readonly to: NodeId;
  readonly requestId: number;
  /** `accepted`, or a refusal that surely left no trace in the log. */
  readonly outcome: 'accepted' | 'not-leader' | 'dropped' | 'busy' | 'failed';
  readonly index: Index;
  readonly term: Term;
  readonly leader: NodeId | null;
}

/** Everything that travels between members. */
export type Message = RaftMessage | ForwardedRequest | ForwardedResponse;
