import { initialConfig } from '../../src/core/config.ts';
import type {
  AppendResponse,
  Heartbeat,
  HeartbeatResponse,
  SnapshotMessage,
  TimeoutNow,
  VoteRequest,
  VoteResponse,
} from '../../src/core/message.ts';
import type { Index, NodeId, SnapshotMeta, Term } from '../../src/core/types.ts';

/** Messages to member `a`, written down in one line each; `rest` overrides any field. */

/** A request for a vote by a candidate whose log ends at `last`, an index and a term. */
export function voteOf(
  from: NodeId,
  term: Term,
  last: readonly [Index, Term] = [0, 0],
  rest: Partial<VoteRequest> = {},
): VoteRequest {
  const [lastIndex, lastTerm] = last;
  return { kind: 'vote', from, to: 'a', term, lastIndex, lastTerm, transfer: false, ...rest };
}

export function preVoteOf(
  from: NodeId,
  term: Term,
  last: readonly [Index, Term] = [0, 0],
  rest: Partial<VoteRequest> = {},
): VoteRequest {
  return voteOf(from, term, last, { kind: 'pre-vote', ...rest });
}

/** An answer to a vote request; granted when nothing else is said. */
export function ballotOf(from: NodeId, term: Term, rest: Partial<VoteResponse> = {}): VoteResponse {
  return { kind: 'vote-response', from, to: 'a', term, granted: true, tornLog: false, ...rest };
}

export function preBallotOf(
  from: NodeId,
  term: Term,
  rest: Partial<VoteResponse> = {},
): VoteResponse {
  return ballotOf(from, term, { kind: 'pre-vote-response', ...rest });
}

/** The log is durable there up to `index`. */
export function ackOf(
  from: NodeId,
  term: Term,
  index: Index,
  rest: Partial<AppendResponse> = {},
): AppendResponse {
  const hint = { hintIndex: 0, hintTerm: 0 };
  return { kind: 'append-response', from, to: 'a', term, success: true, index, ...hint, ...rest };
}

/** The request behind `index` was refused; `hint` is where the logs may agree, an index and a term. */
export function refusalOf(
  from: NodeId,
  term: Term,
  index: Index,
  hint: readonly [Index, Term],
): AppendResponse {
  const [hintIndex, hintTerm] = hint;
  return ackOf(from, term, index, { success: false, hintIndex, hintTerm });
}

export function beatOf(
  from: NodeId,
  term: Term,
  commit: Index = 0,
  rest: Partial<Heartbeat> = {},
): Heartbeat {
  return { kind: 'heartbeat', from, to: 'a', term, commit, readRound: 0, ...rest };
}

export function beatAckOf(from: NodeId, term: Term, readRound = 0): HeartbeatResponse {
  return { kind: 'heartbeat-response', from, to: 'a', term, readRound };
}

/** The leader asks to campaign at once, if the log is durable up to `last`, an index and a term. */
export function timeoutNowOf(
  from: NodeId,
  term: Term,
  last: readonly [Index, Term],
  to: NodeId = 'a',
): TimeoutNow {
  return { kind: 'timeout-now', from, to, term, lastIndex: last[0], lastTerm: last[1] };
}

/** A snapshot whose last entry is `last`, an index and a term; of members a, b and c when nothing else is said. */
export function snapshotAt(
  last: readonly [Index, Term],
  rest: Partial<SnapshotMeta> = {},
): SnapshotMeta {
  const [lastIndex, lastTerm] = last;
  const config = initialConfig({ a: 'a', b: 'b', c: 'c' });
  const file = { bytes: 3, digest: 'd'.repeat(64), formatVersion: 1 };
  return { lastIndex, lastTerm, config, configIndex: 0, ...file, ...rest };
}

/** A snapshot of the leader has become durable here. */
export function snapshotOf(
  from: NodeId,
  term: Term,
  last: readonly [Index, Term],
  rest: Partial<SnapshotMeta> = {},
): SnapshotMessage {
  return { kind: 'snapshot', from, to: 'a', term, meta: snapshotAt(last, rest) };
}
