import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, electionTicks, ofKind } from '../unit/core-bench.ts';
import { ballotOf, voteOf } from '../unit/core-messages.ts';

describe('B2 two votes in one term', () => {
  it('hearing the leader of a term does not free the vote of that term', () => {
    const bench = new CoreBench();
    const ask = (from: string, lastIndex: number) => {
      const request = { from, to: 'a', term: 9, lastIndex, lastTerm: lastIndex, transfer: true };
      return ofKind(bench.step({ kind: 'vote', ...request }), 'vote-response')[0]?.granted;
    };
    expect(ask('b', 0)).toBe(true);
    bench.step(appendOf('b', 8, [0, 0], []));
    bench.step(appendOf('b', 9, [0, 0], []));
    expect(ask('c', 5)).toBe(false);
  });

  it('no vote in a term in which a leader is known, nor when the own vote is for oneself', () => {
    const following = new CoreBench();
    following.step(appendOf('b', 9, [0, 0], []));
    const longer = voteOf('c', 9, [5, 5], { transfer: true });
    expect(following.step(longer)).toMatchObject([{ granted: false }]);
    const candidate = new CoreBench({ options: { preVote: false } });
    candidate.tick(electionTicks);
    expect(candidate.step(voteOf('c', 1, [5, 1]))).toMatchObject([{ granted: false }]);
  });

  it('nor does a lost candidacy free the own vote', () => {
    const bench = new CoreBench({ options: { preVote: false } });
    bench.tick(electionTicks);
    for (const from of ['b', 'c']) bench.step(ballotOf(from, 1, { granted: false }));
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 1, votedFor: 'a' });
    expect(bench.step(voteOf('c', 1, [5, 1]))).toMatchObject([{ granted: false }]);
  });
});
