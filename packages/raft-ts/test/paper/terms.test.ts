import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, electionTicks, ofKind } from '../unit/core-bench.ts';
import { ackOf, ballotOf, beatOf, refusalOf, timeoutNowOf, voteOf } from '../unit/core-messages.ts';

const classic = { preVote: false } as const;

/** One member in each role, all in term 1. */
function roles(): [string, CoreBench][] {
  const candidate = new CoreBench({ options: classic });
  candidate.tick(electionTicks);
  return [
    ['follower', new CoreBench({ term: 1 })],
    ['candidate', candidate],
    ['leader', new CoreBench().lead('b')],
  ];
}

describe('Raft paper 5.1 and figure 2, rules for all servers: terms', () => {
  it.each(roles())('a %s that hears of a higher term adopts it and follows', (role, bench) => {
    expect(bench.core.state).toMatchObject({ role, term: 1 });
    bench.step(appendOf('c', 9, [0, 0], []));
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 9, leader: 'c' });
  });

  it.each(roles())(
    'a %s adopts the term of a candidate as well, and knows no leader',
    (_, bench) => {
      bench.step(voteOf('c', 9, [5, 5], { transfer: true }));
      expect(bench.core.state).toMatchObject({ role: 'follower', term: 9, leader: null });
    },
  );

  it.each([
    ['refused append', refusalOf('b', 7, 0, [0, 0])],
    ['acknowledged append', ackOf('b', 7, 0)],
    ['refused vote', ballotOf('b', 7, { granted: false })],
  ])('a leader steps down when a higher term stands in the answer: %s', (_, answer) => {
    const bench = new CoreBench().lead('b');
    bench.step(answer);
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 7, leader: null });
  });

  it('a new term has no vote yet', () => {
    const bench = new CoreBench({ term: 3, votedFor: 'b' });
    bench.step(appendOf('c', 4, [0, 0], []));
    expect(bench.core.state).toMatchObject({ term: 4, votedFor: null });
  });

  it('the new term is durable before anything is said in it', () => {
    const bench = new CoreBench({ term: 3 });
    bench.core.step(beatOf('c', 4));
    bench.run();
    expect(bench.take()).toEqual([]);
    expect(bench.pending?.hardState).toEqual({ term: 4, votedFor: null });
    bench.sync();
    expect(ofKind(bench.take(), 'heartbeat-response')).toMatchObject([{ to: 'c', term: 4 }]);
  });

  it('an append of an old term changes nothing and is answered with the own term', () => {
    const bench = new CoreBench({ term: 5 });
    const answers = ofKind(bench.step(appendOf('b', 4, [0, 0], [4])), 'append-response');
    expect(answers).toMatchObject([{ to: 'b', term: 5, success: false }]);
    expect(bench.log).toEqual([]);
    expect(bench.core.state.leader).toBeNull();
  });

  it('a heartbeat of an old term is answered too: a deposed leader must learn that it is', () => {
    const bench = new CoreBench({ term: 5 });
    const answers = ofKind(bench.step(beatOf('b', 4, 3)), 'append-response');
    expect(answers).toMatchObject([{ to: 'b', term: 5, success: false }]);
    expect(bench.core.state).toMatchObject({ commit: 0, leader: null });
  });

  it('a vote request of an old term is refused with the own term, and no timer starts anew', () => {
    const bench = new CoreBench({ term: 5 });
    bench.tick(7);
    const answers = ofKind(bench.step(voteOf('b', 4, [9, 4])), 'vote-response');
    expect(answers).toMatchObject([{ to: 'b', term: 5, granted: false }]);
    expect(bench.core.state).toMatchObject({ votedFor: null, electionElapsed: 7 });
  });

  it('answers of an old term have no effect', () => {
    const leader = new CoreBench({ term: 4 }).lead('b');
    leader.step(ackOf('b', 4, 1));
    expect(leader.core.members().find(({ id }) => id === 'b')?.matchIndex).toBe(0);
    const candidate = new CoreBench({ term: 4, options: classic });
    candidate.tick(electionTicks);
    candidate.step(ballotOf('b', 4));
    expect(candidate.core.state.role).toBe('candidate');
  });

  it('an old leader cannot make anybody campaign', () => {
    const bench = new CoreBench({ log: [1], term: 5 });
    expect(bench.step(timeoutNowOf('b', 4, [1, 1]))).toEqual([]);
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 5 });
  });
});
