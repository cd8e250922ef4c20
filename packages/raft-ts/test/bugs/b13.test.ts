import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, electionTicks } from '../unit/core-bench.ts';
import { ballotOf, beatOf } from '../unit/core-messages.ts';

describe('B13 a deposed leader stamps its entries with the new term', () => {
  it('refuses what is proposed late', () => {
    const bench = new CoreBench().lead('b');
    bench.step(appendOf('c', 78, [0, 0], []));
    expect(bench.core.propose(Uint8Array.of(1))).toBe('not-leader');
    expect(bench.log).toEqual([1]);
  });

  it('an own completion that comes after the step-down acknowledges and counts nothing', () => {
    const bench = new CoreBench().lead('b');
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    bench.core.step(beatOf('c', 78));
    bench.settle();
    expect(bench.log).toEqual([1, 1]);
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 78, commit: 0 });
  });

  it('a vote of an older candidacy does not elect in a later term', () => {
    const bench = new CoreBench({ options: { preVote: false } });
    bench.tick(electionTicks);
    bench.tick(electionTicks);
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 2 });
    bench.step(ballotOf('b', 1));
    expect(bench.core.state.role).toBe('candidate');
  });

  it('the completion of the append before the candidacy is no own vote', () => {
    const bench = new CoreBench({ options: { preVote: false } });
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    bench.core.campaign();
    bench.core.step(ballotOf('c', 2));
    bench.sync();
    // What became durable is the entry; term and vote are under way.
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 2 });
    expect(bench.core.state.votes.has('a')).toBe(false);
    bench.sync();
    expect(bench.core.state.role).toBe('leader');
  });
});
