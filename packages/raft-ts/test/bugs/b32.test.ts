import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
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

describe('B32 leadership transfer that gets stuck', () => {
  it('moves leadership to a member that is level, at once', () => {
    const cluster = trio();
    const leader = cluster.elect();
    const target = ['a', 'b', 'c'].find((id) => id !== leader.id)!;
    expect(leader.core.transferLeadership(target)).toBeNull();
    cluster.deliver();
    expect(cluster.leaders.map((bench) => bench.id)).toEqual([target]);
  });

  it('first brings the target level', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('b', 1);
    bench.take();
    bench.core.transferLeadership('c');
    expect(ofKind(bench.settle(), 'timeout-now')).toEqual([]);
    expect(ofKind(bench.acknowledge('c', 1), 'timeout-now')).toMatchObject([
      { to: 'c', lastIndex: 1, lastTerm: 1 },
    ]);
  });

  it('refuses proposals definitely meanwhile, gives up after one election timeout and goes on', () => {
    const bench = new CoreBench().lead('b');
    bench.core.transferLeadership('c');
    expect(bench.core.propose(Uint8Array.of(1))).toBe('transferring');
    for (let i = 0; i < electionTicks; i++) {
      bench.tick(1);
      const answer = { kind: 'heartbeat-response', from: 'b', to: 'a', term: 1 } as const;
      bench.step({ ...answer, readRound: 0 });
    }
    expect(bench.core.state.role).toBe('leader');
    expect(bench.core.propose(Uint8Array.of(1))).toMatchObject({ index: 2, term: 1 });
  });

  it('refuses a target that is no voter, and a target that is none any more ignores the request', () => {
    const config = { ...initialConfig({ a: 'a', b: 'b', c: 'c' }), learners: ['l'] };
    const bench = new CoreBench({ config }).lead('b');
    expect(bench.core.transferLeadership('l')).toBe('not-voter');
    expect(bench.core.transferLeadership('a')).toBe('self');
    const learner = new CoreBench({ id: 'l', config });
    const request = { from: 'a', to: 'l', term: 1, lastIndex: 0, lastTerm: 0 } as const;
    expect(learner.step({ kind: 'timeout-now', ...request })).toEqual([]);
  });

  it('a target whose durable log falls short does not campaign', () => {
    const bench = new CoreBench({ log: [1] });
    const request = { from: 'b', to: 'a', term: 1, lastIndex: 2, lastTerm: 1 } as const;
    expect(ofKind(bench.step({ kind: 'timeout-now', ...request }), 'vote')).toEqual([]);
    const level = { ...request, lastIndex: 1 };
    expect(ofKind(bench.step({ kind: 'timeout-now', ...level }), 'vote').length).toBe(2);
  });

  it("the old leader's heartbeat does not cancel the candidacy", () => {
    const bench = new CoreBench({ log: [1] });
    const request = { from: 'b', to: 'a', term: 1, lastIndex: 1, lastTerm: 1 } as const;
    bench.step({ kind: 'timeout-now', ...request });
    bench.step({ kind: 'heartbeat', from: 'b', to: 'a', term: 1, commit: 1, readRound: 0 });
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 2 });
  });
});
