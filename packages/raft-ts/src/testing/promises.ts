import type { Message, RaftMessage } from '../core/message.ts';
import { InvariantError } from './invariants.ts';
import type { ObservedLogStore } from './observed-log-store.ts';

/** These are questions of clients or to a possible electorate: they promise nothing. */
const promiseless: ReadonlySet<string> = new Set([
  'pre-vote',
  'pre-vote-response',
  'propose',
  'read-index',
  'transfer',
  'forward-response',
]);

function isPromise(message: Message): message is RaftMessage {
  return !promiseless.has(message.kind);
}

/** What a message promises must be durable before it leaves (Raft paper, figure 2). @throws {InvariantError} If it is not. */
export function checkPromise(message: Message, { hardState, lastIndex }: ObservedLogStore): void {
  if (!isPromise(message)) return;
  const { from } = message;
  const { term, votedFor } = hardState;
  if (message.term > term) {
    throw new InvariantError(`${from} names term ${message.term}, ${term} is durable`);
  }
  if (message.kind === 'append-response' && message.success && message.index > lastIndex) {
    throw new InvariantError(`${from} acknowledges ${message.index} before it is durable`);
  }
  const isVote = message.kind === 'vote-response' && message.granted && message.term === term;
  if (isVote && votedFor !== message.to) {
    throw new InvariantError(`${from} tells a vote that is not durable`);
  }
}
