import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';
import { bootstrap, change, clusterOf, leaderWithLearner } from '../unit/membership-bench.ts';

describe('B19 commit on less than a quorum', () => {
  it('their acknowledgements and votes never count', () => {
    const config = { ...initialConfig({ a: 'a', b: 'b', c: 'c' }), learners: ['l', 'm'] };
    const bench = new CoreBench({ config }).lead('b');
    bench.acknowledge('l', 1);
    bench.acknowledge('m', 1);
    expect(bench.core.state.commit).toBe(0);
    bench.acknowledge('c', 1);
    expect(bench.core.state.commit).toBe(1);
    const learner = new CoreBench({ id: 'l', config });
    expect(learner.tick(5 * electionTicks)).toEqual([]);
  });

  it('needs a majority of both halves', () => {
    const config = {
      ...initialConfig({ a: 'a', b: 'b', c: 'c' }),
      votersOutgoing: ['a', 'd', 'e'],
    };
    const bench = new CoreBench({ config });
    expect(() => bench.lead('b', 'c')).toThrow('did not become leader');
    const other = new CoreBench({ config }).lead('b', 'd');
    other.acknowledge('b', 1);
    expect(other.core.state.commit).toBe(0);
    other.acknowledge('d', 1);
    expect(other.core.state.commit).toBe(1);
  });

  it('does not count itself, hands over and steps down when that is committed', () => {
    const bench = leaderWithLearner(bootstrap);
    const { index } = change(bench, { remove: ['a'] });
    // Both voters of {b, c} are needed: its own copy is none there.
    bench.acknowledge('b', index);
    expect(bench.core.state.commit).toBe(index - 1);
    bench.acknowledge('c', index);
    expect(bench.core.state.commit).toBe(index);
    bench.acknowledge('b', index + 1);
    expect(bench.core.state).toMatchObject({ commit: index, role: 'leader' });
    const sent = bench.acknowledge('c', index + 1);
    expect(bench.core.state).toMatchObject({ commit: index + 1, role: 'follower', leader: null });
    expect(ofKind(sent, 'append').map(({ to, commit }) => [to, commit])).toContainEqual([
      'b',
      index + 1,
    ]);
    expect(ofKind(sent, 'timeout-now')).toHaveLength(1);
    expect(bench.tick(10 * electionTicks)).toEqual([]);
  });

  it('the others go on, and the removed one does not disturb them', () => {
    const cluster = clusterOf(['a', 'b', 'c']);
    const leader = cluster.elect();
    change(leader, { remove: [leader.id] });
    cluster.deliver();
    const next = cluster.elect();
    expect(next.id).not.toBe(leader.id);
    const { term } = next.core.state;
    next.core.propose(Uint8Array.of(1));
    cluster.tick(10 * electionTicks);
    expect(next.core.state).toMatchObject({ term, role: 'leader' });
    expect(next.core.state.commit).toBe(next.core.state.log.lastIndex);
    expect(next.core.state.config.voters).toHaveLength(2);
  });

  it('stands for election again while its removal may be uncommitted', () => {
    const config = { ...initialConfig({ a: 'a', b: 'b' }), learners: ['c'] };
    const leaving = { ...config, learners: [], voters: ['b', 'c'], votersOutgoing: ['a', 'b'] };
    const left = { ...leaving, votersOutgoing: [] };
    // The old half cannot elect anybody without the longest log, and that is the removed member's.
    const a = {
      id: 'a',
      log: [1, 1, 1],
      configs: new Map([
        [2, leaving],
        [3, left],
      ]),
    };
    const other = { log: [1, 1], configs: new Map([[2, leaving]]) };
    const cluster = new CoreCluster([
      new CoreBench({ ...a, config }),
      new CoreBench({ ...other, id: 'b', config, random: () => 0.9 }),
      new CoreBench({ ...other, id: 'c', config, random: () => 0.5 }),
    ]);
    const next = cluster.elect();
    // The removed member led in term 2, made its removal committed and handed over.
    expect(next.log).toEqual([1, 1, 1, 2, 3]);
    expect(next.id).not.toBe('a');
    expect(next.core.state.config.voters).toEqual(['b', 'c']);
    cluster.tick(10 * electionTicks);
    expect(next.core.state).toMatchObject({
      role: 'leader',
      commit: next.core.state.log.lastIndex,
    });
  });
});
