import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';
import { beatAckOf, timeoutNowOf, voteOf } from '../unit/core-messages.ts';

const three = ['a', 'b', 'c'];

/** `a` leads; everybody is level. */
function settled(options: object = {}): CoreCluster {
  const cluster = new CoreCluster(
    three.map((id) => new CoreBench({ id, members: three, options })),
  );
  cluster.get('a').core.campaign();
  cluster.deliver();
  cluster.tick(5);
  expect(cluster.leaders.map(({ id }) => id)).toEqual(['a']);
  return cluster;
}

function leaderIds(cluster: CoreCluster): string[] {
  return cluster.leaders.map(({ id }) => id);
}

describe('dissertation 3.10: transfer of leadership', () => {
  it.each([
    ['with check-quorum and pre-vote', {}],
    ['without check-quorum', { checkQuorum: false }],
    ['without pre-vote', { preVote: false }],
  ])('to a member that is level, at once: %s', (_, options) => {
    const cluster = settled(options);
    expect(cluster.get('a').core.transferLeadership('b')).toBeNull();
    cluster.deliver();
    expect(leaderIds(cluster)).toEqual(['b']);
    expect(cluster.get('b').core.state.term).toBe(2);
    expect(cluster.get('a').core.state).toMatchObject({ role: 'follower', transferTarget: null });
  });

  it('and back again', () => {
    const cluster = settled();
    for (const [from, to] of ['ab', 'bc', 'ca']) {
      expect(cluster.get(from!).core.transferLeadership(to!)).toBeNull();
      cluster.deliver();
      cluster.tick(5);
      expect(leaderIds(cluster)).toEqual([to]);
    }
  });

  it('first brings the target level, then asks it to campaign, naming where its log must reach', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('b', 1);
    bench.take();
    bench.core.transferLeadership('c');
    expect(ofKind(bench.settle(), 'timeout-now')).toEqual([]);
    expect(ofKind(bench.acknowledge('c', 1), 'timeout-now')).toEqual([
      timeoutNowOf('a', 1, [1, 1], 'c'),
    ]);
  });

  it('to a slow follower that comes back in time', () => {
    const cluster = settled();
    cluster.down.add('c');
    for (let i = 0; i < 10; i++) cluster.get('a').core.propose(Uint8Array.of(i));
    cluster.deliver();
    cluster.get('a').core.transferLeadership('c');
    cluster.deliver();
    expect(leaderIds(cluster)).toEqual(['a']);
    cluster.down.delete('c');
    cluster.tick(electionTicks / 2);
    expect(leaderIds(cluster)).toEqual(['c']);
    expect(cluster.get('c').log.slice(0, 11)).toEqual(cluster.get('a').log.slice(0, 11));
  });

  it('asks once only, however often the target acknowledges', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('c', 1);
    bench.take();
    bench.core.transferLeadership('c');
    expect(ofKind(bench.settle(), 'timeout-now')).toHaveLength(1);
    bench.acknowledge('b', 1);
    for (let i = 0; i < 3; i++)
      expect(ofKind(bench.acknowledge('c', 1), 'timeout-now')).toEqual([]);
  });

  it('a second transfer to the same member is the first one, to another one it is refused', () => {
    const bench = new CoreBench().lead('b');
    expect(bench.core.transferLeadership('c')).toBeNull();
    bench.tick(electionTicks - 1);
    expect(bench.core.transferLeadership('c')).toBeNull();
    expect(bench.core.transferLeadership('b')).toBe('transferring');
    bench.step(beatAckOf('b', 1));
    bench.tick(1);
    // The repetition did not lengthen it.
    expect(bench.core.state.transferTarget).toBeNull();
    expect(bench.core.transferLeadership('b')).toBeNull();
  });

  it('refuses itself, strangers and learners; a follower refuses all', () => {
    const config = { ...initialConfig({ a: 'a', b: 'b', c: 'c' }), learners: ['l'] };
    const bench = new CoreBench({ config }).lead('b');
    expect(bench.core.transferLeadership('a')).toBe('self');
    expect(bench.core.transferLeadership('x')).toBe('not-voter');
    expect(bench.core.transferLeadership('l')).toBe('not-voter');
    expect(new CoreBench().core.transferLeadership('b')).toBe('not-leader');
    expect(bench.core.state.transferTarget).toBeNull();
  });

  it('refuses proposals meanwhile, and leaves no trace of them', () => {
    const bench = new CoreBench().lead('b');
    bench.core.transferLeadership('c');
    expect(bench.core.propose(Uint8Array.of(1))).toBe('transferring');
    expect(bench.log).toEqual([1]);
  });

  it('is given up after one election timeout, and the leader goes on', () => {
    const bench = new CoreBench().lead('b');
    bench.core.transferLeadership('c');
    for (let i = 1; i < electionTicks; i++) {
      bench.tick(1);
      bench.step(beatAckOf('b', 1));
    }
    expect(bench.core.propose(Uint8Array.of(1))).toBe('transferring');
    bench.tick(1);
    expect(bench.core.propose(Uint8Array.of(1))).toMatchObject({ index: 2, term: 1 });
    // What the target acknowledges now has no consequence.
    expect(ofKind(bench.acknowledge('c', 2), 'timeout-now')).toEqual([]);
  });

  it('a new transfer has its full time', () => {
    const bench = new CoreBench().lead('b');
    bench.core.transferLeadership('c');
    bench.tick(electionTicks);
    bench.step(beatAckOf('b', 1));
    bench.core.transferLeadership('c');
    bench.tick(electionTicks - 1);
    expect(bench.core.state.transferTarget).toBe('c');
  });

  it('a new leader of a higher term ends it', () => {
    const bench = new CoreBench().lead('b');
    bench.core.transferLeadership('c');
    bench.step(voteOf('b', 5, [1, 1], { transfer: true }));
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 5, transferTarget: null });
  });

  it('the target campaigns at once, without pre-vote, and says why it asks', () => {
    const bench = new CoreBench({ log: [1] });
    bench.step(appendOf('b', 1, [1, 1], [], 1));
    const asked = ofKind(bench.step(timeoutNowOf('b', 1, [1, 1])), 'vote');
    expect(asked.map(({ to, term, transfer }) => [to, term, transfer])).toEqual([
      ['b', 2, true],
      ['c', 2, true],
    ]);
  });

  it.each([
    ['is shorter', [2, 1], [1]],
    ['has another last term', [2, 2], [1, 1]],
  ] as const)('a target whose log %s stays quiet', (_, last, log) => {
    const bench = new CoreBench({ log, term: 2 });
    expect(ofKind(bench.step(timeoutNowOf('b', 2, last)), 'vote')).toEqual([]);
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 2 });
  });

  it('a target whose log is not durable that far stays quiet', () => {
    const bench = new CoreBench({ log: [1] });
    bench.core.step(appendOf('b', 1, [1, 1], [1]));
    bench.run();
    bench.core.step(timeoutNowOf('b', 1, [2, 1]));
    expect(bench.core.state.role).toBe('follower');
    bench.sync();
    bench.core.step(timeoutNowOf('b', 1, [2, 1]));
    expect(bench.core.state.role).toBe('candidate');
  });

  it('a target with a torn log stays quiet: it must ask every voter first (rule L3)', () => {
    const bench = new CoreBench({ log: [1], tornLog: true });
    const { term } = bench.core.state;
    expect(ofKind(bench.step(timeoutNowOf('b', term, [1, 1])), 'vote')).toEqual([]);
  });

  it('a learner, or a member that was removed, stays quiet', () => {
    const config = { ...initialConfig({ a: 'a', b: 'b' }), learners: ['l'] };
    for (const id of ['l', 'x']) {
      const bench = new CoreBench({ id, config });
      expect(bench.step(timeoutNowOf('a', 1, [0, 0], id))).toEqual([]);
    }
  });

  it('a later candidacy of the target is an ordinary one again', () => {
    const bench = new CoreBench({ log: [1] });
    bench.step(timeoutNowOf('b', 1, [1, 1]));
    const again = bench.tick(electionTicks);
    expect(ofKind(again, 'pre-vote').map(({ transfer }) => transfer)).toEqual([false, false]);
  });
});
