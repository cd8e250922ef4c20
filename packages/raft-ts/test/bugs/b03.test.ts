import { describe, expect, it } from 'vitest';
import { CoreBench, electionTicks, ofKind } from '../unit/core-bench.ts';
import { ballotOf, voteOf } from '../unit/core-messages.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

describe('B3 a vote or a term is not durable when the answer leaves', () => {
  it('a crash before the answer may forget the vote, a crash after it may not', () => {
    const bench = new CoreBench();
    bench.core.step(voteOf('b', 5));
    bench.run();
    // Decided and not durable: nothing has left, so another candidate may still have it.
    expect(bench.take()).toEqual([]);
    const forgot = new CoreBench({ ...bench.store.hardState });
    expect(forgot.step(voteOf('c', 5))).toMatchObject([{ granted: true }]);
    bench.sync();
    expect(bench.take()).toMatchObject([{ kind: 'vote-response', granted: true }]);
    const remembers = new CoreBench({ ...bench.store.hardState });
    expect(remembers.step(voteOf('c', 5))).toMatchObject([{ granted: false }]);
    expect(remembers.step(voteOf('b', 5))).toMatchObject([{ granted: true }]);
  });

  it('a refusal of a new term leaves when that term is durable', () => {
    const bench = new CoreBench({ log: [1, 1] });
    bench.core.step(voteOf('b', 5));
    bench.run();
    expect(bench.take()).toEqual([]);
    bench.sync();
    expect(bench.take()).toMatchObject([{ granted: false, term: 5 }]);
    expect(bench.store.hardState).toEqual({ term: 5, votedFor: null });
  });

  it('a candidate makes term and vote durable before it asks, and counts itself only then', () => {
    const bench = new CoreBench({ options: { preVote: false } });
    for (let i = 0; i < electionTicks; i++) bench.core.tick();
    bench.run();
    expect(bench.take()).toEqual([]);
    expect(bench.core.state.votes.size).toBe(0);
    bench.sync();
    expect(bench.store.hardState).toEqual({ term: 1, votedFor: 'a' });
    expect(ofKind(bench.take(), 'vote')).toHaveLength(2);
    expect([...bench.core.state.votes.keys()]).toEqual(['a']);
  });

  it('an answer that comes twice counts once', () => {
    const bench = new CoreBench({ members: five, options: { preVote: false } });
    bench.tick(electionTicks);
    for (let i = 0; i < 4; i++) bench.step(ballotOf('b', 1));
    expect(bench.core.state.role).toBe('candidate');
  });
});
