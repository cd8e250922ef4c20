import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { levelLagEntriesMax, type MembershipChange } from '../../src/core/membership.ts';
import type { ClusterConfig, Entry, NodeId, Term } from '../../src/core/types.ts';
import { EntryType } from '../../src/core/types.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from './core-bench.ts';

const bootstrap = initialConfig({ a: 'a', b: 'b', c: 'c' });
const joint: ClusterConfig = {
  ...bootstrap,
  voters: ['a', 'b', 'd'],
  votersOutgoing: ['a', 'b', 'c'],
  autoLeave: true,
  addresses: { a: 'a', b: 'b', c: 'c', d: 'd' },
};

/** A leader whose first entry is committed, with a learner `d` that is level; everything so far is acknowledged by all. */
function leaderWithLearner(config: ClusterConfig = { ...bootstrap, learners: ['d'] }): CoreBench {
  const bench = new CoreBench({ config }).lead('b', 'c');
  for (const id of ['b', 'c', 'd']) bench.acknowledge(id, bench.core.state.log.lastIndex);
  return bench;
}

function change(bench: CoreBench, what: MembershipChange): Entry {
  const begun = bench.core.changeMembership(what, null);
  if ('reason' in begun) throw new Error(`refused: ${begun.reason} ${begun.detail}`);
  return begun;
}

function refusal(bench: CoreBench, what: MembershipChange, expected: number | null = null) {
  const begun = bench.core.changeMembership(what, expected);
  return 'reason' in begun ? `${begun.reason} ${begun.detail}`.trim() : 'begun';
}

function configEntries(bench: CoreBench): ClusterConfig[] {
  const { log } = bench.core.state;
  const entries = Array.from({ length: log.lastIndex }, (_, i) => log.entries(i + 1, i + 2, 1)[0]!);
  return entries
    .filter(({ type }) => type === EntryType.config)
    .map(({ data }) => JSON.parse(new TextDecoder().decode(data)) as ClusterConfig);
}

/** Members over one network; `newcomers` know the others as the first voters and are none themselves. */
function clusterOf(ids: readonly NodeId[], newcomers: readonly NodeId[] = []): CoreCluster {
  const options = { electionTicksMax: 3 * electionTicks };
  let seed = 1;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  return new CoreCluster(
    [...ids, ...newcomers].map((id) => new CoreBench({ id, members: ids, options, random })),
  );
}

describe('membership changes', () => {
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

describe('known bugs of membership changes', () => {
  it('B14 rollback: an overwritten change never was, and a restart adopts it until then', () => {
    const configs = new Map([[2, joint]]);
    const bench = new CoreBench({ log: [1, 1], configs });
    expect(bench.core.state.config.voters).toEqual(['a', 'b', 'd']);
    bench.step(appendOf('c', 2, [1, 1], [2]));
    expect(bench.core.state.config).toEqual(bootstrap);
    expect(bench.run().map(({ config }) => config)).toEqual([]);
    expect([...bench.core.state.configs.addresses.keys()]).toEqual(['a', 'b', 'c']);
  });

  it('B14 rollback: after a restart, what was applied cannot be rolled back', () => {
    const configs = new Map([[2, { ...bootstrap, learners: ['d'] }]]);
    const { state } = new CoreBench({ log: [1, 1, 1], configs, applied: 2 }).core;
    expect(state.configs.oldestIndex).toBe(2);
    expect(state.configs.previous).toBeNull();
  });

  it('B15 own term first: a leader changes nothing before it has committed an entry of its term', () => {
    const bench = new CoreBench().lead('b', 'c');
    expect(refusal(bench, { remove: ['c'] })).toBe('not-ready');
    bench.acknowledge('b', 1);
    expect(refusal(bench, { remove: ['c'] })).toBe('begun');
  });

  it('B16 one at a time: a second change waits for the end of the first', () => {
    const config = { ...bootstrap, learners: ['d', 'e'] };
    const bench = leaderWithLearner(config);
    bench.acknowledge('e', 1);
    const { index } = change(bench, { promote: ['d'] });
    expect(refusal(bench, { promote: ['e'] })).toBe('in-progress');
    for (const id of ['d', 'e']) bench.acknowledge(id, index);
    expect(bench.core.state.commit).toBe(index - 1);
    bench.acknowledge('b', index);
    expect(bench.core.state.commit).toBe(index);
    // Out of the joint configuration, but not on a majority yet.
    expect(refusal(bench, { promote: ['e'] })).toBe('in-progress');
    for (const id of ['b', 'd']) bench.acknowledge(id, index + 1);
    expect(refusal(bench, { promote: ['e'] })).toBe('begun');
  });

  it('B17 leaving: a new leader leaves only after its own entry is committed by both halves', () => {
    const bench = new CoreBench({ log: [1, 1], configs: new Map([[2, joint]]) }).lead(
      'b',
      'c',
      'd',
    );
    expect(configEntries(bench)).toHaveLength(1);
    bench.acknowledge('d', 3);
    expect(bench.core.state.commit).toBe(0);
    expect(configEntries(bench)).toHaveLength(1);
    bench.acknowledge('c', 3);
    expect(bench.core.state.commit).toBe(3);
    expect(configEntries(bench).map(({ votersOutgoing }) => votersOutgoing)).toEqual([
      ['a', 'b', 'c'],
      [],
    ]);
  });

  it('B17 leaving: the joint entry alone on the leader does not lead out of it', () => {
    const bench = leaderWithLearner();
    bench.core.propose(Uint8Array.of(1));
    const { index } = change(bench, { promote: ['d'] });
    for (const id of ['b', 'd']) bench.acknowledge(id, index - 1);
    expect(bench.core.state.commit).toBe(index - 1);
    expect(bench.core.state.config.votersOutgoing).toEqual(['a', 'b', 'c']);
    expect(bench.core.state.log.lastIndex).toBe(index);
  });

  it('B18 leader change: the next leader ends the joint configuration, once, whatever the limits', () => {
    const options = { uncommittedBytesMax: 1 };
    const bench = new CoreBench({ log: [1, 1], configs: new Map([[2, joint]]), options });
    bench.lead('b', 'c', 'd');
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    for (const index of [3, 3, 4, 5]) {
      for (const id of ['b', 'c', 'd']) {
        if (index <= bench.core.state.log.lastIndex) bench.acknowledge(id, index);
      }
    }
    bench.tick(3 * 5);
    expect(configEntries(bench)).toHaveLength(2);
    expect(bench.core.state.config.votersOutgoing).toEqual([]);
    expect(bench.core.state.commit).toBe(5);
  });

  it('B18 leader change: the cluster leaves the joint configuration when its leader is gone', () => {
    const cluster = clusterOf(['a', 'b', 'c'], ['d']);
    const leader = cluster.elect();
    change(leader, { add: { d: 'd' } });
    cluster.tick(10);
    // The joint entry reaches all, the one that leaves it reaches nobody.
    cluster.drop = (message) =>
      message.kind === 'append' &&
      message.entries.some(({ type, data }) => {
        const text = new TextDecoder().decode(data);
        return (
          type === EntryType.config &&
          text.includes('"voters":') &&
          !text.includes('"autoLeave":true')
        );
      });
    change(leader, { promote: ['d'] });
    cluster.deliver();
    cluster.down.add(leader.id);
    cluster.drop = () => false;
    const next = cluster.elect(20);
    cluster.tick(10);
    expect(next.core.state.config.voters).toHaveLength(4);
    expect(next.core.state.config.votersOutgoing).toEqual([]);
    expect(next.core.state.configs.currentIndex).toBeLessThanOrEqual(next.core.state.commit);
    expect(configEntries(next).filter(({ autoLeave }) => autoLeave)).toHaveLength(1);
    expect(configEntries(next)).toHaveLength(3);
  });

  it('B19 removed leader: does not count itself, hands over and steps down when that is committed', () => {
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

  it('B19 removed leader: the others go on, and the removed one does not disturb them', () => {
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

  it('B19 removed leader: stands for election again while its removal may be uncommitted', () => {
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

  it('B31 new voter: grants its vote before it knows that it has one', () => {
    const cluster = clusterOf(['a', 'b'], ['d']);
    const leader = cluster.elect();
    const other = cluster.get(leader.id === 'a' ? 'b' : 'a');
    change(leader, { add: { d: 'd' } });
    cluster.tick(10);
    // The promotion reaches the voters only, and then the leader dies.
    cluster.drop = ({ kind, to }) => kind === 'append' && to === 'd';
    change(leader, { promote: ['d'] });
    cluster.deliver();
    expect(other.core.state.isVoter && !cluster.get('d').core.state.isVoter).toBe(true);
    expect(other.core.state.config.voters).toContain('d');
    const isJoint = other.core.state.config.votersOutgoing.length > 0;
    expect(isJoint).toBe(false);
    cluster.down.add(leader.id);
    cluster.drop = () => false;
    expect(cluster.elect(20).id).toBe(other.id);
    cluster.tick(10);
    expect(cluster.get('d').core.state.isVoter).toBe(true);
  });
});
