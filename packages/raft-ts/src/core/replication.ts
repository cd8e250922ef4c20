import { assert } from './assert.ts';
import { entryOverheadBytes } from './log.ts';
import type { Progress } from './progress.ts';
import { quorumIndex } from './quorum.ts';
import { requestSnapshot } from './snapshot.ts';
import type { RaftState } from './state.ts';
import { trace } from './trace.ts';
import type { Entry, EntryType, Index, NodeId } from './types.ts';

function sizeOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length + entryOverheadBytes;
  return bytes;
}

/** Appends an entry of the leader's own term. */
export function appendOwn(state: RaftState, type: EntryType, data: Uint8Array): Entry {
  const entry: Entry = { index: state.log.lastIndex + 1, term: state.term, type, data };
  assert(Number.isSafeInteger(entry.index), 'the log has no index left');
  state.appendEntry(entry);
  if (state.trace !== null) trace(state, { event: 'Replicate', index: entry.index, type });
  state.uncommittedBytes += data.length;
  state.isFlushDue = true;
  return entry;
}

/** Raft paper section 8: reads wait for the first commit of the leader's own term. */
export function hasOwnTermCommit(state: RaftState): boolean {
  return state.log.term(state.commit) === state.term;
}

/** One append request behind `next - 1`; false when the log no longer holds what the member needs. */
function sendAppend(state: RaftState, to: NodeId, peer: Progress, isEmpty: boolean): boolean {
  const prevIndex = peer.next - 1;
  const prevTerm = state.log.term(prevIndex);
  if (prevTerm === undefined) {
    peer.becomeSnapshot();
    requestSnapshot(state, to, peer);
    return false;
  }
  const last = state.log.lastIndex;
  const entries: readonly Entry[] =
    isEmpty || peer.next > last
      ? []
      : state.log.entries(peer.next, last + 1, state.options.appendBytesMax);
  assert(entries.length === 0 || entries[0]!.index === prevIndex + 1, 'gap in an append request');
  const { term, id, commit } = state;
  state.send.push({ kind: 'append', from: id, to, term, prevIndex, prevTerm, entries, commit });
  peer.sentCommit = commit;
  if (peer.state === 'probe') {
    peer.probeSent = true;
  } else if (entries.length > 0) {
    peer.next += entries.length;
    peer.inflights.add(peer.next - 1, sizeOf(entries));
  }
  return true;
}

function replicateTo(state: RaftState, to: NodeId, peer: Progress): void {
  if (peer.needsSnapshot) requestSnapshot(state, to, peer);
  if (peer.state === 'snapshot') return;
  if (peer.state === 'probe') {
    if (!peer.probeSent) sendAppend(state, to, peer, false);
    return;
  }
  while (peer.next <= state.log.lastIndex && !peer.inflights.isFull) {
    if (!sendAppend(state, to, peer, false)) return;
  }
  if (peer.sentCommit < state.commit || peer.pokeDue) sendAppend(state, to, peer, true);
  peer.pokeDue = false;
}

/** Sends every member what it lacks, as far as its window allows. */
export function flushReplication(state: RaftState): void {
  for (const [id, peer] of state.progress) {
    if (id !== state.id) replicateTo(state, id, peer);
  }
}

function reachedByAll(state: RaftState): Index {
  let least = state.log.stableIndex;
  for (const [id, peer] of state.progress) {
    if (id !== state.id) least = Math.min(least, peer.match);
  }
  return least;
}

/** Highest index that every member is known to hold: counted by the leader, told to the others by heartbeats. */
export function allMatched(state: RaftState): Index {
  return state.role === 'leader' ? reachedByAll(state) : state.allMatched;
}

/** Newest round of heartbeats that a quorum has answered. */
export function confirmedRound(state: RaftState): number {
  return quorumIndex(state.config, (id) => {
    if (id === state.id) return state.reads.newestRound;
    return state.progress.get(id)?.readRound ?? 0;
  });
}

export function broadcastHeartbeat(state: RaftState): void {
  const { id, term, commit } = state;
  const readRound = state.reads.newestRound;
  const known = reachedByAll(state);
  for (const [to, peer] of state.progress) {
    if (to === id) continue;
    state.send.push({
      kind: 'heartbeat',
      from: id,
      to,
      term,
      // The receiver may hold a foreign tail: it must not commit beyond what is known to match.
      commit: Math.min(peer.match, commit),
      readRound,
      allMatched: known,
    });
  }
}

/** Newest tick by which a quorum had been heard of; oneself is always heard. */
export function quorumActiveTick(state: RaftState): number {
  return quorumIndex(state.config, (id) => {
    if (id === state.id) return state.now;
    return state.progress.get(id)?.lastActiveTick ?? Number.NEGATIVE_INFINITY;
  });
}

/** Commits what a quorum holds durably; the leader's own disk is one of them and not the first. */
export function maybeCommit(state: RaftState): boolean {
  const index = quorumIndex(state.config, (id) => {
    if (id === state.id) return state.log.stableIndex;
    return state.progress.get(id)?.match ?? 0;
  });
  if (index <= state.commit) return false;
  if (!state.commitRule(state.log.term(index), state.term)) return false;
  releaseUncommitted(state, index);
  state.commitTo(index);
  state.isFlushDue = true;
  return true;
}

function releaseUncommitted(state: RaftState, index: Index): void {
  if (index === state.log.lastIndex) {
    state.uncommittedBytes = 0;
    return;
  }
  let next = state.commit + 1;
  while (next <= index) {
    const entries = state.log.entries(next, index + 1, Number.POSITIVE_INFINITY);
    for (const entry of entries) {
      if (entry.term === state.term) state.uncommittedBytes -= entry.data.length;
    }
    next += entries.length;
  }
  assert(state.uncommittedBytes >= 0, 'more was committed than proposed');
}
