import type { Index, NodeId } from './core/types.ts';

/** Facts about a failure that a program may want; numbers, strings and booleans only. */
export type ErrorMetadata = Readonly<Record<string, string | number | boolean | null>>;

/** Base of everything that raft-ts throws or rejects with on purpose. */
export class RaftError extends Error {
  /** Stable name of the failure, `ERR_RAFT_...`. */
  readonly code: string;
  readonly metadata: ErrorMetadata;

  constructor(code: string, message: string, metadata: ErrorMetadata = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.metadata = metadata;
  }
}

/** Thrown when an option has a value that cannot work; the message names the option and what is allowed. */
export class InvalidOptionError extends RaftError {
  constructor(option: string, allowed: string, value: unknown) {
    super('ERR_RAFT_INVALID_OPTION', `${option} must be ${allowed}, got ${String(value)}`, {
      option,
    });
  }
}

/** Thrown when no leader is known, or the leader that was asked no longer leads; nothing was written. */
export class NotLeaderError extends RaftError {
  readonly leader: NodeId | null;

  constructor(leader: NodeId | null) {
    super('ERR_RAFT_NOT_LEADER', `not the leader; leader is ${leader ?? 'unknown'}`, { leader });
    this.leader = leader;
  }
}

/** Thrown when a proposal is surely not in the log and never will be; it may be tried again. */
export class ProposalDroppedError extends RaftError {
  constructor(reason: string) {
    super('ERR_RAFT_PROPOSAL_DROPPED', `proposal dropped: ${reason}`, { reason });
  }
}

/** Thrown when the outcome of a proposal is not known: it may be committed, now or later. */
export class ProposalUnknownError extends RaftError {
  constructor(reason: string) {
    super('ERR_RAFT_PROPOSAL_UNKNOWN', `outcome of the proposal is unknown: ${reason}`, { reason });
  }
}

/** Thrown when a proposal is longer than `entryBytesMax`. */
export class EntryTooLargeError extends RaftError {
  constructor(bytes: number, bytesMax: number) {
    super('ERR_RAFT_ENTRY_TOO_LARGE', `entry of ${bytes} bytes is over the limit of ${bytesMax}`, {
      bytes,
      bytesMax,
    });
  }
}

/** Thrown when a queue is full; nothing was written, try again later. */
export class BusyError extends RaftError {
  constructor(queue: string) {
    super('ERR_RAFT_BUSY', `${queue} is at its limit`, { queue });
  }
}

/** Thrown when a read index could not be confirmed by a quorum: leadership was lost or the request went missing. */
export class ReadIndexFailedError extends RaftError {
  constructor(reason: string) {
    super('ERR_RAFT_READ_INDEX_FAILED', `read index not confirmed: ${reason}`, { reason });
  }
}

/** Thrown when leadership did not reach the wanted member in time. */
export class TransferFailedError extends RaftError {
  constructor(target: NodeId, reason: string) {
    super('ERR_RAFT_TRANSFER_FAILED', `leadership was not transferred to ${target}: ${reason}`, {
      target,
      reason,
    });
  }
}

/** Thrown when a membership change must wait: an earlier one, a transfer or the leader's own first commit is not complete. */
export class ConfigChangeInProgressError extends RaftError {
  constructor(reason: string) {
    super('ERR_RAFT_CONFIG_CHANGE_IN_PROGRESS', `membership cannot change now: ${reason}`, {
      reason,
    });
  }
}

/** Thrown when another configuration holds than the one that `ifConfigId` names. */
export class ConfigConflictError extends RaftError {
  constructor() {
    super('ERR_RAFT_CONFIG_CONFLICT', 'the configuration has changed meanwhile');
  }
}

/** Thrown when a learner lacks too much of the log to become a voter; try again when it has caught up. */
export class LearnerNotLevelError extends RaftError {
  constructor(learner: NodeId) {
    super('ERR_RAFT_LEARNER_NOT_LEVEL', `${learner} has not caught up with the log`, { learner });
  }
}

/** Thrown when a membership change does not fit the present configuration; the message names the member. */
export class InvalidMembershipError extends RaftError {
  constructor(problem: string) {
    super('ERR_RAFT_INVALID_MEMBERSHIP', `impossible membership change: ${problem}`, { problem });
  }
}

/** Thrown when the durable log or the state machine has failed once: the member has stopped for good; `cause` says why. */
export class MemberFailedError extends RaftError {
  constructor(cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super('ERR_RAFT_MEMBER_FAILED', `the member has stopped: ${text}`, {}, cause);
  }
}

/** Thrown when a state machine says that it has applied what the durable log does not hold. */
export class AppliedBeyondLogError extends RaftError {
  constructor(appliedIndex: Index, lastIndex: Index) {
    super(
      'ERR_RAFT_APPLIED_BEYOND_LOG',
      `the state machine has applied ${appliedIndex}, but the log ends at ${lastIndex}`,
      { appliedIndex, lastIndex },
    );
  }
}

/**
 * Thrown when the log begins behind what the state machine has applied, no snapshot fills the gap, and this member is not
 * set up to get one from another (a snapshot store, `snapshot` and `restore`).
 */
export class StateBehindLogError extends RaftError {
  constructor(appliedIndex: Index, compactedIndex: Index) {
    super(
      'ERR_RAFT_STATE_BEHIND_LOG',
      `the state machine has applied ${appliedIndex}, but the log begins behind ${compactedIndex}`,
      { appliedIndex, compactedIndex },
    );
  }
}

/**
 * Thrown when a member starts with other first members than its data directory was made with, while log and snapshot hold no
 * configuration that would count instead: it might take too few of them for a majority.
 */
export class BootstrapMismatchError extends RaftError {
  constructor(kept: readonly NodeId[], given: readonly NodeId[]) {
    super(
      'ERR_RAFT_BOOTSTRAP_MISMATCH',
      `the options name the members ${given.join(', ')}, but the data directory was made with ${kept.join(', ')}; ` +
        'members change by addLearner, promote and removeMember, never by the options',
      { kept: kept.join(','), given: given.join(',') },
    );
  }
}

/** Thrown when a snapshot cannot be taken or received now; the message says why. */
export class SnapshotUnavailableError extends RaftError {
  constructor(reason: string) {
    super('ERR_RAFT_SNAPSHOT_UNAVAILABLE', `no snapshot: ${reason}`, { reason });
  }
}

/** Thrown when a member is used after `close`. */
export class ClosedError extends RaftError {
  constructor() {
    super('ERR_RAFT_CLOSED', 'the member is closed');
  }
}

/** Thrown when an invariant of the algorithm is broken: a defect of this library or of a port. The member stops. */
export class AssertionFailedError extends RaftError {
  constructor(what: string) {
    super('ERR_RAFT_ASSERTION_FAILED', `broken invariant: ${what}`);
  }
}
