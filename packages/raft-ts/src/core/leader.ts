import { assert } from './assert.ts';
import { onLeaderCommit, trackMembers } from './membership.ts';
import type { AppendResponse, HeartbeatResponse, RaftMessage } from './message.ts';
import type { Progress } from './progress.ts';
import { isVoter, votersOf } from './quorum.ts';
import {
  appendOwn,
  broadcastHeartbeat,
  confirmedRound,
  hasOwnTermCommit,
  maybeCommit,
  quorumActiveTick,
} from './replication.ts';
import type { RaftState } from './state.ts';
import { trace } from './trace.ts';
import { type Entry, EntryType, type Index, type NodeId } from './types.ts';

/** Why a proposal was refused; it surely left no trace in the log. */
export type ProposeRefusal = 'not-leader' | 'transferring' | 'too-large' | 'busy';
/** Why leadership is not handed over; nothing has changed then. */
export type TransferRefusal = 'not-leader' | 'not-voter' | 'self' | 'transferring';

const nothing = new Uint8Array(0);

export function becomeLeader(state: RaftState): void {
  assert(state.role === 'candidate', 'only a candidate can become leader');
  assert(!state.isHardStateDirty, 'a leader has made its own vote durable first');
  state.leaveRole();
  state.role = 'leader';
  state.counts.electionsWon++;
  state.leader = state.id;
  state.isLeaseVoid = false;
  trace(state, { event: 'BecomeLeader' });
  state.heartbeatElapsed = 0;
  trackMembers(state);
  // Dissertation 6.4: nothing of an earlier term is known to be committed before this entry is.
  appendOwn(state, EntryType.noop, nothing);
}

/** Appends to the leader's log; the entry names where. */
export function propose(state: RaftState, data: Uint8Array): Entry | ProposeRefusal {
  if (state.role !== 'leader') return 'not-leader';
  if (state.transferTarget !== null) return 'transferring';
  if (data.length > state.options.entryBytesMax) return 'too-large';
  const bytes = state.uncommittedBytes + data.length;
  if (state.uncommittedBytes > 0 && bytes > state.options.uncommittedBytesMax) return 'busy';
  return appendOwn(state, EntryType.normal, data);
}

export function tickLeader(state: RaftState): void {
  const { checkQuorum, electionTicksMin, heartbeatTicks } = state.options;
  if (checkQuorum && state.now - quorumActiveTick(state) > electionTicksMin) {
    state.counts.quorumLosses++;
    state.becomeFollower(state.term, null);
    return;
  }
  if (state.transferTarget !== null && ++state.transferElapsed >= electionTicksMin) {
    state.transferTarget = null;
  }
  if (++state.heartbeatElapsed < heartbeatTicks) return;
  state.heartbeatElapsed = 0;
  if (state.options.lease) state.reads.skipRound();
  broadcastHeartbeat(state);
  if (state.isStateLost && state.transferTarget === null) handOver(state);
}

/** A leader without its state gets a snapshot only from another one. */
function handOver(state: RaftState): void {
  const { config, progress, id: self } = state;
  const others = votersOf(config).filter((id) => id !== self && progress.has(id));
  const match = (id: NodeId): Index => progress.get(id)!.match;
  const heir = others.reduce<NodeId | null>((best, id) => {
    return best === null || match(id) > match(best) ? id : best;
  }, null);
  if (heir !== null) transferLeadership(state, heir);
}

export function stepLeader(state: RaftState, message: RaftMessage): void {
  const peer = state.progress.get(message.from);
  if (peer === undefined) return;
  peer.lastActiveTick = state.now;
  if (message.kind === 'append-response') onAppendResponse(state, peer, message);
  else if (message.kind === 'heartbeat-response') onHeartbeatResponse(state, peer, message);
}

function onAppendResponse(state: RaftState, peer: Progress, message: AppendResponse): void {
  state.isFlushDue = true;
  if (!message.success) {
    const hint = state.log.findConflictByTerm(message.hintIndex, message.hintTerm);
    peer.refuse(message.index, hint.index);
    return;
  }
  assert(message.index <= state.log.lastIndex, 'an entry was acknowledged that does not exist');
  if (!peer.acknowledge(message.index, state.log.compacted.index)) return;
  advanceCommit(state);
  continueTransfer(state);
}

function onHeartbeatResponse(state: RaftState, peer: Progress, message: HeartbeatResponse): void {
  peer.probeSent = false;
  // Answers may have been lost: an empty request finds out, also when the window is full.
  if (peer.match < state.log.lastIndex) peer.pokeDue = true;
  peer.wantedSnapshot = message.wantedSnapshot ?? 0;
  if (peer.pokeDue || peer.state === 'probe' || peer.needsSnapshot) state.isFlushDue = true;
  if (message.readRound > peer.readRound) {
    peer.readRound = message.readRound;
    confirmReads(state);
  }
}

/** The own append is durable: the leader counts itself now. */
export function onLeaderAppendDone(state: RaftState): void {
  advanceCommit(state);
}

function advanceCommit(state: RaftState): void {
  if (!maybeCommit(state)) return;
  onLeaderCommit(state);
}

export function readIndex(state: RaftState, id: number): void {
  if (state.role !== 'leader') {
    state.readStates.push({ id, index: null });
    return;
  }
  state.reads.add(id);
  if (hasOwnTermCommit(state)) state.isFlushDue = true;
}

/** One round of heartbeats for everything that gathered since the last one. */
export function startReadRound(state: RaftState): void {
  if (!state.reads.hasGathered || !hasOwnTermCommit(state)) return;
  state.reads.startRound(state.commit);
  broadcastHeartbeat(state);
  confirmReads(state);
}

function confirmReads(state: RaftState): void {
  for (const read of state.reads.confirm(confirmedRound(state))) state.readStates.push(read);
}

/** Dissertation 3.10: bring the target level, then ask it to campaign at once. */
export function transferLeadership(state: RaftState, target: NodeId): TransferRefusal | null {
  if (state.role !== 'leader') return 'not-leader';
  if (target === state.id) return 'self';
  if (!isVoter(state.config, target)) return 'not-voter';
  if (state.transferTarget === target) return null;
  if (state.transferTarget !== null) return 'transferring';
  state.transferTarget = target;
  state.transferElapsed = 0;
  state.isTimeoutNowSent = false;
  continueTransfer(state);
  return null;
}

function continueTransfer(state: RaftState): void {
  const target = state.transferTarget;
  if (target === null || state.isTimeoutNowSent) return;
  if (!isVoter(state.config, target)) {
    state.transferTarget = null;
    return;
  }
  const { id, term, log } = state;
  if (state.progress.get(target)?.match !== log.lastIndex) return;
  state.isTimeoutNowSent = true;
  state.isLeaseVoid = true;
  const { lastIndex, lastTerm } = log;
  state.send.push({ kind: 'timeout-now', from: id, to: target, term, lastIndex, lastTerm });
}

export function reportUnreachable(state: RaftState, id: NodeId): void {
  const peer = state.progress.get(id);
  // What was sent ahead is probably lost: find out where the member stands.
  if (state.role === 'leader' && peer?.state === 'replicate') peer.becomeProbe();
}
