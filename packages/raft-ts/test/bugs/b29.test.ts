import { describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';

function trio(setup: (id: string) => ConstructorParameters<typeof CoreBench>[0] = () => ({})) {
  const members = ['a', 'b', 'c'];
  const benches = members.map((id, i) => {
    const random = new Random(i + 1);
    const { options, ...rest } = setup(id) ?? {};
    const drawn = { electionTicksMax: 2 * electionTicks, ...options };
    return new CoreBench({ id, members, random: () => random.next(), options: drawn, ...rest });
  });
  return new CoreCluster(benches);
}

describe('B29 pre-vote that keeps everybody from electing', () => {
  it('members of different terms elect when the leader is gone', () => {
    const cluster = trio((id) => ({ term: id === 'c' ? 1 : 5, log: id === 'c' ? [] : [5] }));
    cluster.down.add('a');
    expect(cluster.elect().id).toBe('b');
  });

  it('a member of a lower term with the longer log learns the term and is elected', () => {
    const cluster = trio((id) => (id === 'c' ? { term: 1, log: [1] } : { term: 5, log: [] }));
    cluster.down.add('a');
    expect(cluster.elect().id).toBe('c');
  });

  it('a deposed leader may ask a follower that still names it', () => {
    const follower = new CoreBench();
    follower.step(appendOf('b', 1, [0, 0], []));
    const request = { from: 'b', to: 'a', term: 2, lastIndex: 0, lastTerm: 0, transfer: false };
    const [answer] = ofKind(follower.step({ kind: 'pre-vote', ...request }), 'pre-vote-response');
    expect(answer?.granted).toBe(true);
  });

  it('pre-votes of one member do not keep the others from electing', () => {
    const bench = new CoreBench();
    for (let i = 0; i < electionTicks - 1; i++) {
      const request = { from: 'c', to: 'a', term: 1, lastIndex: 0, lastTerm: 0, transfer: false };
      bench.step({ kind: 'pre-vote', ...request });
      bench.tick(1);
    }
    expect(ofKind(bench.tick(1), 'pre-vote').length).toBe(2);
  });

  it('a stale member gets no pre-vote and terms do not grow', () => {
    const cluster = trio((id) => ({ term: 3, log: id === 'c' ? [] : [3] }));
    cluster.down.add('a');
    cluster.down.add('b');
    cluster.tick(5 * electionTicks);
    expect(cluster.get('c').core.state.term).toBe(3);
    cluster.down.delete('b');
    expect(cluster.elect().id).toBe('b');
    expect(cluster.get('b').core.state.term).toBe(4);
  });
});
