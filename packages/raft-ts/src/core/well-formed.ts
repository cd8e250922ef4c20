import type { AppendRequest, RaftMessage } from './message.ts';

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isAppendWellFormed(message: AppendRequest): boolean {
  if (!isCount(message.prevIndex) || !isCount(message.prevTerm) || !isCount(message.commit)) {
    return false;
  }
  let { prevIndex: index, prevTerm: term } = message;
  for (const entry of message.entries) {
    if (entry.index !== ++index || entry.term < term || entry.term > message.term) return false;
    term = entry.term;
  }
  return message.prevTerm <= message.term;
}

/** What the core relies on in a message that a stranger may have written. */
export function isWellFormed(message: RaftMessage): boolean {
  if (!isCount(message.term)) return false;
  switch (message.kind) {
    case 'append':
      return isAppendWellFormed(message);
    case 'append-response':
      return isCount(message.index) && isCount(message.hintIndex) && isCount(message.hintTerm);
    case 'heartbeat':
      return isCount(message.commit) && isCount(message.readRound);
    case 'heartbeat-response':
      return isCount(message.readRound);
    case 'vote':
    case 'pre-vote':
    case 'timeout-now':
      return isCount(message.lastIndex) && isCount(message.lastTerm);
    default:
      return true;
  }
}
