import { becomeLeader } from './leader.ts';
import type { RaftMessage, VoteResponse } from './message.ts';
import { type Vote, voteResult, votersOf } from './quorum.ts';
import type { RaftState } from './state.ts';
import { trace } from './trace.ts';

/** Stands for election: with pre-vote first, unless the leader itself asked for it. */
export function campaign(state: RaftState, isTransfer: boolean): void {
  if (!state.mayCampaign) return;
  state.counts.elections++;
  state.isTransferCampaign = isTransfer;
  // A torn member may have lost committed entries: it asks all voters before it raises the term (rule L3).
  const asksFirst = (state.options.preVote || state.tornLog) && !isTransfer;
  if (asksFirst) becomePreCandidate(state);
  else becomeCandidate(state);
}

function becomePreCandidate(state: RaftState): void {
  state.leaveRole();
  state.role = 'pre-candidate';
  state.leader = null;
  trace(state, { event: 'BecomePreCandidate' });
  state.resetElectionTimer();
  requestVotes(state, 'pre-vote');
  recordVote(state, state.id, ownVote(state));
}

function becomeCandidate(state: RaftState): void {
  state.leaveRole();
  state.role = 'candidate';
  state.leader = null;
  state.term++;
  state.votedFor = state.id;
  trace(state, { event: 'BecomeCandidate' });
  state.resetElectionTimer();
  // The own vote counts, and is told to others, only once it is durable.
  requestVotes(state, 'vote');
}

function ownVote(state: RaftState): Vote {
  return state.tornLog ? 'granted-torn' : 'granted';
}

function requestVotes(state: RaftState, kind: 'pre-vote' | 'vote'): void {
  const { id, log } = state;
  const { lastIndex, lastTerm } = log;
  const term = kind === 'pre-vote' ? state.term + 1 : state.term;
  const transfer = state.isTransferCampaign;
  for (const to of votersOf(state.config)) {
    if (to === id) continue;
    const request = { kind, from: id, to, term, lastIndex, lastTerm, transfer };
    if (kind === 'pre-vote') state.send.push(request);
    else state.sendDurable(request, 0);
  }
}

/** The own append is durable: it may have held the own vote. */
export function onCandidateAppendDone(state: RaftState): void {
  if (state.isHardStateDirty || state.votes.has(state.id)) return;
  recordVote(state, state.id, ownVote(state));
}

export function stepCandidate(state: RaftState, message: RaftMessage): void {
  const isPreVote = state.role === 'pre-candidate';
  const wanted = isPreVote ? 'pre-vote-response' : 'vote-response';
  if (message.kind !== wanted) return;
  if (message.granted && message.term !== (isPreVote ? state.term + 1 : state.term)) return;
  recordVote(state, message.from, voteOf(message));
}

function voteOf(message: VoteResponse): Vote {
  if (!message.granted) return 'refused';
  return message.tornLog ? 'granted-torn' : 'granted';
}

function recordVote(state: RaftState, from: string, vote: Vote): void {
  if (!state.votes.has(from)) state.votes.set(from, vote);
  const result = voteResult(state.config, (id) => state.votes.get(id));
  if (result === 'lost') state.becomeFollower(state.term, null);
  if (result !== 'won') return;
  if (state.role === 'pre-candidate') becomeCandidate(state);
  else if (!state.isHardStateDirty) becomeLeader(state);
}
