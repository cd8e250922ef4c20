import type { AppendRequest, RaftMessage, SnapshotMessage } from './message.ts';
import type { SnapshotMeta } from './types.ts';

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

function isSnapshotWellFormed(meta: SnapshotMeta): boolean {
  const { lastIndex, lastTerm, configIndex, config } = meta;
  if (!isCount(lastIndex) || !isCount(lastTerm) || !isCount(configIndex)) return false;
  return lastIndex > 0 && configIndex <= lastIndex && config.voters.length > 0;
}

/** What the core relies on in a message that a stranger may have written. */
export function isWellFormed(message: RaftMessage | SnapshotMessage): boolean {
  if (!isCount(message.term)) return false;
  switch (message.kind) {
    case 'append':
      return isAppendWellFormed(message);
    case 'append-response':
      return isCount(message.index) && isCount(message.hintIndex) && isCount(message.hintTerm);
    case 'heartbeat':
      return isCount(message.commit) && isCount(message.readRound);
    case 'snapshot':
      return isSnapshotWellFormed(message.meta) && message.meta.lastTerm <= message.term;
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
