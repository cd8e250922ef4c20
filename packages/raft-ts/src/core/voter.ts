import type { RaftMessage, VoteRequest } from './message.ts';
import { membersOf } from './quorum.ts';
import type { RaftState } from './state.ts';

/**
 * Who may disturb this member with a vote request. A member of the present configuration may; a stranger only when its
 * log goes beyond ours, because then it may be a member by an entry that we lack. A removed member's log never does.
 */
function mayAsk(state: RaftState, message: VoteRequest): boolean {
  const { config, log } = state;
  if (membersOf(config).includes(message.from)) return true;
  const isLonger = message.lastIndex > log.lastIndex || message.lastTerm > log.lastTerm;
  return isLonger && log.isUpToDate(message.lastIndex, message.lastTerm);
}

/** Leader stickiness (dissertation 4.2.3): while a leader is heard, nobody is helped to replace it but by itself. */
function isSticky(state: RaftState, message: VoteRequest): boolean {
  if (message.transfer || message.from === state.leader) return false;
  if (state.options.lease && state.now < state.promisedTick) return true;
  if (!state.options.checkQuorum || state.leader === null) return false;
  return state.role === 'leader' || state.electionElapsed < state.options.electionTicksMin;
}

/** True when the request must be left unanswered and without any effect, whatever its term. */
export function ignoresVoteRequest(state: RaftState, message: VoteRequest): boolean {
  return !mayAsk(state, message) || isSticky(state, message);
}

/** Answers a request whose term is not below ours; of a `vote` the term has been adopted. */
export function answerVoteRequest(state: RaftState, message: VoteRequest): void {
  const isUpToDate = state.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (message.kind === 'pre-vote') {
    const isFree = message.term > state.term || isVoteFree(state, message);
    answer(state, message, isUpToDate && isFree);
    return;
  }
  const isGranted = isUpToDate && isVoteFree(state, message);
  if (isGranted) {
    state.votedFor = message.from;
    state.resetElectionTimer();
  }
  answer(state, message, isGranted);
}

function isVoteFree(state: RaftState, message: VoteRequest): boolean {
  if (state.votedFor === message.from) return true;
  return state.votedFor === null && state.leader === null;
}

/** Refuses, so that the sender learns our term. */
export function refuseVoteRequest(state: RaftState, message: VoteRequest): void {
  answer(state, message, false);
}

function answer(state: RaftState, message: VoteRequest, granted: boolean): void {
  const kind = message.kind === 'pre-vote' ? 'pre-vote-response' : 'vote-response';
  const response: RaftMessage = {
    kind,
    from: state.id,
    to: message.from,
    // A granted pre-vote names the term it was asked for; every refusal tells our own.
    term: granted ? message.term : state.term,
    granted,
    tornLog: state.tornLog,
  };
  if (message.kind === 'pre-vote') state.send.push(response);
  else state.sendDurable(response, 0);
}
