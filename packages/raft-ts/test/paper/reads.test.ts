import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';
import { beatAckOf } from '../unit/core-messages.ts';

/** Leads term 1, its own first entry committed. */
function settledLeader(members = ['a', 'b', 'c']): CoreBench {
  const bench = new CoreBench({ members }).lead(...members.slice(1));
  for (const id of members.slice(1)) bench.acknowledge(id, 1);
  bench.take();
  return bench;
}

describe('Raft paper 8 and dissertation 6.4: reads without a log entry', () => {
  it('a new leader commits an entry of its own first', () => {
    const bench = new CoreBench({ log: [1, 1] }).lead('b');
    expect(bench.log).toEqual([1, 1, 2]);
    const [entry] = bench.core.state.log.entries(3, 4, 1);
    expect(entry).toMatchObject({ term: 2, type: 1 });
    expect(entry?.data).toHaveLength(0);
  });

  it('reads wait for the commit of that entry and see at least its index', () => {
    const bench = new CoreBench({ log: [1, 1] }).lead('b');
    bench.take();
    bench.core.readIndex(1);
    expect(ofKind(bench.settle(), 'heartbeat')).toEqual([]);
    const beats = ofKind(bench.acknowledge('b', 3), 'heartbeat');
    expect(beats.map(({ to, readRound }) => [to, readRound])).toEqual([
      ['b', 1],
      ['c', 1],
    ]);
    expect(bench.reads).toEqual([]);
    bench.step(beatAckOf('b', 2, 1));
    expect(bench.reads).toEqual([{ id: 1, index: 3 }]);
  });

  it('a commit of an earlier term does not release them', () => {
    const bench = new CoreBench({ log: [1, 1], applied: 2 }).lead('b');
    bench.core.readIndex(1);
    bench.settle();
    bench.step(beatAckOf('b', 2, 0));
    bench.step(beatAckOf('b', 2, 1));
    expect(bench.reads).toEqual([]);
  });

  it('a read asks a quorum whether it still leads, and answers with the commit index of before', () => {
    const bench = settledLeader();
    bench.core.readIndex(7);
    expect(ofKind(bench.settle(), 'heartbeat').map(({ readRound }) => readRound)).toEqual([1, 1]);
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    bench.acknowledge('b', 2);
    bench.step(beatAckOf('b', 1, 1));
    expect(bench.reads).toEqual([{ id: 7, index: 1 }]);
  });

  it('one round serves all that wait, and later ones need a round of their own', () => {
    const bench = settledLeader();
    for (const id of [1, 2, 3]) bench.core.readIndex(id);
    expect(ofKind(bench.settle(), 'heartbeat')).toHaveLength(2);
    bench.core.readIndex(4);
    bench.settle();
    bench.step(beatAckOf('b', 1, 1));
    expect(bench.reads.map(({ id }) => id)).toEqual([1, 2, 3]);
    bench.step(beatAckOf('b', 1, 2));
    expect(bench.reads.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  });

  it('an answer to a later round confirms the earlier ones too, and an old answer nothing', () => {
    const bench = settledLeader();
    for (const id of [1, 2]) {
      bench.core.readIndex(id);
      bench.settle();
    }
    bench.step(beatAckOf('b', 1, 0));
    expect(bench.reads).toEqual([]);
    bench.step(beatAckOf('b', 1, 2));
    expect(bench.reads.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('a lost heartbeat is made up for by the next one', () => {
    const bench = settledLeader();
    bench.core.readIndex(1);
    bench.settle();
    expect(ofKind(bench.tick(5), 'heartbeat').map(({ readRound }) => readRound)).toEqual([1, 1]);
    bench.step(beatAckOf('c', 1, 1));
    expect(bench.reads).toEqual([{ id: 1, index: 1 }]);
  });

  it('a minority confirms nothing, nor do learners', () => {
    const config = {
      ...initialConfig({ a: 'a', b: 'b', c: 'c', d: 'd', e: 'e' }),
      learners: ['l', 'm'],
    };
    const bench = new CoreBench({ config }).lead('b', 'c');
    for (const id of ['b', 'c']) bench.acknowledge(id, 1);
    bench.core.readIndex(1);
    bench.settle();
    for (const id of ['b', 'l', 'm']) bench.step(beatAckOf(id, 1, 1));
    expect(bench.reads).toEqual([]);
    bench.step(beatAckOf('c', 1, 1));
    expect(bench.reads).toEqual([{ id: 1, index: 1 }]);
  });

  it('a joint configuration needs both halves', () => {
    const config = {
      ...initialConfig({ a: 'a', b: 'b', c: 'c' }),
      votersOutgoing: ['a', 'd', 'e'],
    };
    const bench = new CoreBench({ config }).lead('b', 'd');
    for (const id of ['b', 'd']) bench.acknowledge(id, 1);
    bench.core.readIndex(1);
    bench.settle();
    for (const id of ['b', 'c']) bench.step(beatAckOf(id, 1, 1));
    expect(bench.reads).toEqual([]);
    bench.step(beatAckOf('e', 1, 1));
    expect(bench.reads).toHaveLength(1);
  });

  it('a leader alone answers at once', () => {
    const bench = settledLeader(['a']);
    bench.core.readIndex(1);
    bench.settle();
    expect(bench.reads).toEqual([{ id: 1, index: 1 }]);
  });

  it('a follower tells it to hear the number that it was asked with', () => {
    const bench = new CoreBench();
    const beat = {
      kind: 'heartbeat',
      from: 'b',
      to: 'a',
      term: 1,
      commit: 0,
      readRound: 9,
    } as const;
    expect(ofKind(bench.step(beat), 'heartbeat-response')).toEqual(
      [beatAckOf('a', 1, 9)].map((m) => ({ ...m, to: 'b' })),
    );
  });

  it('who does not lead fails them at once, who ceases to lead fails all that wait', () => {
    const follower = new CoreBench();
    follower.core.readIndex(1);
    follower.settle();
    expect(follower.reads).toEqual([{ id: 1, index: null }]);

    const bench = new CoreBench({ log: [1] }).lead('b');
    bench.core.readIndex(1);
    bench.settle();
    bench.acknowledge('b', 2);
    bench.core.readIndex(2);
    bench.core.readIndex(3);
    bench.settle();
    bench.core.readIndex(4);
    bench.step(appendOf('c', 9, [0, 0], []));
    expect(bench.reads.map(({ id, index }) => [id, index])).toEqual([
      [1, null],
      [2, null],
      [3, null],
      [4, null],
    ]);
    // An answer to the lost term confirms nothing afterwards.
    bench.step(beatAckOf('b', 2, 9));
    expect(bench.reads).toHaveLength(4);
  });

  it('a leader that was cut off never answers; the new one answers with what was committed since', () => {
    const members = ['a', 'b', 'c'];
    const cluster = new CoreCluster(members.map((id) => new CoreBench({ id, members })));
    const [old, next] = [cluster.get('a'), cluster.get('b')];
    old.core.campaign();
    cluster.deliver();
    cluster.down.add('a');
    old.core.readIndex(1);
    cluster.tick(electionTicks);
    next.core.campaign();
    cluster.deliver();
    expect(cluster.leaders.map(({ id }) => id)).toEqual(['b']);
    next.core.propose(Uint8Array.of(1));
    cluster.deliver();
    next.core.readIndex(2);
    cluster.deliver();
    expect(next.reads).toEqual([{ id: 2, index: 3 }]);
    for (let i = 0; i < 2 * electionTicks; i++) old.core.tick();
    old.settle();
    expect(old.reads).toEqual([{ id: 1, index: null }]);
  });
});
