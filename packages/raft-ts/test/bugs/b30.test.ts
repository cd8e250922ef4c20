import { describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';

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

describe('B30 a removed member, or one of a high term, keeps the cluster busy', () => {
  it('a removed member is not answered, one that is ahead of us is', () => {
    const bench = new CoreBench({ log: [1, 1, 2] });
    const request = { from: 'x', to: 'a', term: 50, transfer: false } as const;
    expect(bench.step({ kind: 'vote', ...request, lastIndex: 2, lastTerm: 1 })).toEqual([]);
    expect(bench.core.state.term).toBe(2);
    const answers = bench.step({ kind: 'vote', ...request, lastIndex: 9, lastTerm: 2 });
    expect(ofKind(answers, 'vote-response')).toMatchObject([{ granted: true }]);
  });

  it('a member left at a higher term is freed, and the term rises at most once', () => {
    const cluster = trio();
    const leader = cluster.elect();
    const lost = ['a', 'b', 'c'].find((id) => id !== leader.id)!;
    Object.assign(cluster.get(lost).core.state, { term: 50 });
    cluster.tick(10 * electionTicks);
    expect(cluster.leaders.length).toBe(1);
    const next = cluster.leaders[0]!;
    expect(next.core.state.term).toBeLessThanOrEqual(51);
    next.core.propose(Uint8Array.of(1));
    cluster.tick(electionTicks);
    expect(cluster.get(lost).core.state.leader).toBe(next.id);
    expect(cluster.get(lost).log).toEqual(next.log);
  });
});
