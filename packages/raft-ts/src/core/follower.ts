import { campaign } from './candidate.ts';
import type {
  AppendRequest,
  Heartbeat,
  RaftMessage,
  SnapshotMessage,
  TimeoutNow,
} from './message.ts';
import { acknowledge, installSnapshot } from './snapshot.ts';
import type { RaftState } from './state.ts';
import type { Entry, Index } from './types.ts';

export function stepFollower(state: RaftState, message: RaftMessage | SnapshotMessage): void {
  if (message.kind === 'append') onAppend(state, message);
  else if (message.kind === 'heartbeat') onHeartbeat(state, message);
  else if (message.kind === 'snapshot') onSnapshot(state, message);
  else if (message.kind === 'timeout-now') onTimeoutNow(state, message);
}

function heardLeader(state: RaftState): void {
  state.electionElapsed = 0;
  state.promisedTick = state.now + state.options.electionTicksMin;
  state.electionsForgone = 0;
}

/**
 * How far the log equals the leader's: acknowledged by an append of this leader, or all of it when the last entry is
 * of the leader's term (log matching property).
 */
function matchedWithLeader(state: RaftState): Index {
  return state.log.lastTerm === state.term ? state.log.lastIndex : state.matched;
}

function onHeartbeat(state: RaftState, message: Heartbeat): void {
  heardLeader(state);
  state.allMatched = message.allMatched ?? 0;
  state.commitTo(Math.min(message.commit, matchedWithLeader(state)));
  const { id: from, term } = state;
  const { from: to, readRound } = message;
  const kind = 'heartbeat-response';
  const wanted = state.isStateLost ? { wantedSnapshot: state.log.compacted.index } : {};
  state.sendDurable({ kind, from, to, term, readRound, ...wanted }, 0);
}

function onSnapshot(state: RaftState, message: SnapshotMessage): void {
  heardLeader(state);
  const isDue = installSnapshot(state, message.meta);
  state.matched = Math.max(state.matched, state.commit);
  if (isDue) return;
  acknowledge(state, message.from, state.commit);
}

function onAppend(state: RaftState, message: AppendRequest): void {
  heardLeader(state);
  if (message.prevIndex < state.commit) {
    // The committed prefix is equal by leader completeness; only what lies behind it may be news.
    acknowledge(state, message.from, state.commit);
    return;
  }
  if (!state.log.matches(message.prevIndex, message.prevTerm)) {
    refuse(state, message);
    return;
  }
  store(state, message.entries);
  const last = message.prevIndex + message.entries.length;
  state.matched = Math.max(state.matched, last);
  // Raft paper figure 2: never beyond the last entry that this request vouches for.
  state.commitTo(Math.min(message.commit, last));
  acknowledge(state, message.from, last);
}

/** Appends what is new; truncates only at a real conflict, since a late duplicate must not cut acknowledged entries. */
function store(state: RaftState, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.index <= state.log.lastIndex) {
      if (state.log.matches(entry.index, entry.term)) continue;
      state.truncate(entry.index);
    }
    state.appendEntry(entry);
  }
}

function refuse(state: RaftState, message: AppendRequest): void {
  const { id: from, term } = state;
  const hint = state.log.findConflictByTerm(message.prevIndex, message.prevTerm);
  state.sendDurable(
    {
      kind: 'append-response',
      from,
      to: message.from,
      term,
      success: false,
      index: message.prevIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    },
    0,
  );
}

function onTimeoutNow(state: RaftState, message: TimeoutNow): void {
  const { log } = state;
  if (log.stableIndex < message.lastIndex) return;
  if (!log.matches(message.lastIndex, message.lastTerm)) return;
  if (state.tornLog) return;
  campaign(state, true);
}
