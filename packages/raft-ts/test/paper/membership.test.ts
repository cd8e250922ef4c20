import { describe, expect, it } from 'vitest';
import { levelLagEntriesMax } from '../../src/core/membership.ts';
import type { Term } from '../../src/core/types.ts';
import { CoreBench, ofKind } from '../unit/core-bench.ts';
import {
  bootstrap,
  change,
  clusterOf,
  leaderWithLearner,
  refusal,
} from '../unit/membership-bench.ts';

describe('Raft paper 6 and dissertation 4: membership changes', () => {
  it('a learner is added in one step, gets the whole log and never counts', () => {
    const cluster = clusterOf(['a', 'b', 'c'], ['d']);
    const leader = cluster.elect();
    for (let i = 0; i < 5; i++) leader.core.propose(Uint8Array.of(i));
    cluster.deliver();
    change(leader, { add: { d: 'd:1' } });
    cluster.deliver();
    cluster.tick(20);
    const learner = cluster.get('d');
    expect(learner.log).toEqual(leader.log);
    expect(learner.core.state.config).toEqual(leader.core.state.config);
    expect(leader.core.state.config).toMatchObject({ votersOutgoing: [], learners: ['d'] });
    expect(leader.core.state.config.addresses['d']).toBe('d:1');
    for (const id of ['a', 'b', 'c']) if (id !== leader.id) cluster.down.add(id);
    const before = leader.core.state.commit;
    leader.core.propose(Uint8Array.of(9));
    cluster.tick(5);
    expect(leader.core.state.commit).toBe(before);
  });

  it('voters change through a joint configuration that needs both halves and ends by itself', () => {
    const bench = leaderWithLearner({ ...bootstrap, learners: ['d', 'e'] });
    bench.acknowledge('e', 1);
    const { index } = change(bench, { replace: { b: 'd', c: 'e' } });
    expect(bench.core.state.config).toMatchObject({
      voters: ['a', 'd', 'e'],
      votersOutgoing: ['a', 'b', 'c'],
      learners: [],
    });
    bench.acknowledge('d', index);
    bench.acknowledge('e', index);
    expect(bench.core.state.commit).toBe(index - 1);
    bench.acknowledge('b', index);
    expect(bench.core.state.commit).toBe(index);
    expect(bench.core.state.config).toMatchObject({ voters: ['a', 'd', 'e'], votersOutgoing: [] });
    // The old half has no say about the new configuration itself.
    bench.acknowledge('b', index + 1);
    bench.acknowledge('c', index + 1);
    expect(bench.core.state.commit).toBe(index);
    bench.acknowledge('e', index + 1);
    expect(bench.core.state.commit).toBe(index + 1);
    expect(Object.keys(bench.core.state.config.addresses)).not.toContain('b');
  });

  it('former members hear of the end, then nothing any more', () => {
    const bench = leaderWithLearner();
    const { index } = change(bench, { remove: ['c'] });
    for (const id of ['b', 'c']) bench.acknowledge(id, index);
    const told = bench.acknowledge('b', index + 1);
    const last = ofKind(told, 'append').filter(({ to }) => to === 'c');
    expect(last.at(-1)?.commit).toBe(index + 1);
    expect(bench.core.members().map(({ id }) => id)).not.toContain('c');
    expect(bench.tick(20).filter(({ to }) => to === 'c')).toEqual([]);
  });

  it('refuses what does not fit, and leaves no trace', () => {
    const bench = leaderWithLearner();
    const { lastIndex } = bench.core.state.log;
    expect(refusal(bench, {})).toBe('invalid nothing would change');
    expect(refusal(bench, { add: { b: 'b' } })).toBe('invalid b is a member already');
    expect(refusal(bench, { add: { x: '' } })).toBe('invalid "x" has no id or no address');
    expect(refusal(bench, { promote: ['b'] })).toBe('invalid b is not a learner');
    expect(refusal(bench, { remove: ['x'] })).toBe('invalid x is not a member');
    expect(refusal(bench, { promote: ['d'], remove: ['d'] })).toBe('invalid d is named twice');
    expect(refusal(bench, { remove: ['a', 'b', 'c'] })).toBe(
      'invalid nobody would be left to vote',
    );
    expect(refusal(bench, { remove: ['c'] }, 7)).toBe('conflict');
    expect(refusal(new CoreBench(), { remove: ['c'] })).toBe('not-leader');
    expect(bench.core.state.log.lastIndex).toBe(lastIndex);
    bench.core.transferLeadership('b');
    expect(refusal(bench, { remove: ['c'] })).toBe('transferring');
  });

  it('promotes a learner only when it is level', () => {
    const log: Term[] = Array.from({ length: levelLagEntriesMax + 5 }, () => 1);
    const bench = new CoreBench({ config: { ...bootstrap, learners: ['d'] }, log }).lead('b', 'c');
    const { lastIndex } = bench.core.state.log;
    for (const id of ['b', 'c']) bench.acknowledge(id, lastIndex);
    expect(bench.core.state.commit).toBe(lastIndex);
    expect(refusal(bench, { promote: ['d'] })).toBe('not-level d');
    bench.acknowledge('d', 5);
    expect(refusal(bench, { promote: ['d'] })).toBe('not-level d');
    bench.acknowledge('d', lastIndex - levelLagEntriesMax);
    expect(refusal(bench, { promote: ['d'] })).toBe('begun');
  });
});
