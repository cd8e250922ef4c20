import type { NodeId } from '../core/types.ts';
import { RaftError } from '../errors.ts';

/** Why two members do not talk to one another. */
export type RefusalReason =
  /** Not our protocol, or no version of it in common. */
  | 'protocol'
  | 'cluster-id'
  /** One of the two was part of an offline recovery and the other was not (rule L4). */
  | 'cluster-generation'
  /** The address leads to another member than the one that was meant. */
  | 'wrong-peer'
  /** The peer calls itself by our own id. */
  | 'own-id'
  /** The peer's data directory is another one than before: it was wiped or replaced. */
  | 'incarnation'
  /** No feature level in common. */
  | 'feature-level'
  /** Options that must be equal on all members differ. */
  | 'options'
  /** The certificate is not trusted, or does not name the member. */
  | 'certificate';

export const refusalReasons: readonly RefusalReason[] = [
  'protocol',
  'cluster-id',
  'cluster-generation',
  'wrong-peer',
  'own-id',
  'incarnation',
  'feature-level',
  'options',
  'certificate',
];

/** Thrown when a frame or a message breaks the protocol; the connection is closed. */
export class ProtocolError extends RaftError {
  constructor(what: string) {
    super('ERR_RAFT_PROTOCOL', `bad frame: ${what}`);
  }
}

/** Thrown when two members must not talk to one another; handed to `onPeerRefused` once for each cause. */
export class PeerRefusedError extends RaftError {
  /** As far as it is known. */
  readonly peer: NodeId | null;
  readonly reason: RefusalReason;
  /** Who refused: this member, or the peer. */
  readonly by: 'self' | 'peer';

  constructor(peer: NodeId | null, by: 'self' | 'peer', reason: RefusalReason, detail: string) {
    const who = by === 'self' ? `member ${peer ?? 'unknown'} is refused` : `refused by ${peer}`;
    super('ERR_RAFT_PEER_REFUSED', `${who}: ${detail}`, { peer, by, reason });
    this.peer = peer;
    this.by = by;
    this.reason = reason;
  }
}

/** Thrown when the file of known peers cannot be read, written or understood. */
export class PeersFileError extends RaftError {
  constructor(path: string, what: string, cause?: unknown) {
    super('ERR_RAFT_PEERS_FILE', `${what} (${path})`, { path }, cause);
  }
}

/** Thrown when the transport cannot listen. */
export class ListenError extends RaftError {
  constructor(address: string, cause: Error) {
    super('ERR_RAFT_LISTEN', `cannot listen on ${address}: ${cause.message}`, { address }, cause);
  }
}

/** Why a receiver does not take a snapshot, or not to its end. */
export type SnapshotRefusalReason =
  /** Too many are being received; the sender tries again. */
  | 'busy'
  /** The receiver keeps no snapshots. */
  | 'unsupported'
  /** It does not want this one, or cannot begin to write it. */
  | 'refused'
  /** It could not write or verify the content. */
  | 'failed';

export const snapshotRefusalReasons: readonly SnapshotRefusalReason[] = [
  'busy',
  'unsupported',
  'refused',
  'failed',
];

/** Thrown when a snapshot does not reach a member; `reason` says why, `cause` what came before it. */
export class SnapshotNotSentError extends RaftError {
  readonly peer: NodeId;
  readonly reason: SnapshotRefusalReason | SnapshotSendFailure;

  constructor(
    peer: NodeId,
    reason: SnapshotRefusalReason | SnapshotSendFailure,
    detail: string,
    cause?: unknown,
  ) {
    const message = `the snapshot for ${peer} was not sent: ${detail}`;
    super('ERR_RAFT_SNAPSHOT_NOT_SENT', message, { peer, reason }, cause);
    this.peer = peer;
    this.reason = reason;
  }
}

/** Why a sender gives a snapshot up. */
export type SnapshotSendFailure =
  /** The member is not connected. */
  | 'unreachable'
  /** It runs a version that knows no snapshots. */
  | 'feature-level'
  /** Another snapshot is on its way to it. */
  | 'underway'
  /** One of the two refuses to talk to the other. */
  | 'peer-refused'
  /** Nothing moved for `snapshotTimeoutMs`. */
  | 'timeout'
  /** The own copy cannot be read. */
  | 'unreadable'
  /** Its configuration is longer than a frame: it has hundreds of members. */
  | 'oversize'
  /** The caller's signal. */
  | 'aborted'
  /** The transport was stopped, or the member was removed or has moved. */
  | 'closed';
