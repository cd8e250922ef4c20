import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { appendOf, CoreBench, electionTicks, ofKind } from './core-bench.ts';
import { ackOf, ballotOf, beatAckOf, beatOf, snapshotAt, voteOf } from './core-messages.ts';
import { bootstrap, change, leaderWithLearner, refusal } from './membership-bench.ts';

/** Leads term 1; everybody is level, and nothing is left to say. */
function level(options: object = {}): CoreBench {
  const bench = new CoreBench({ options }).lead('b', 'c');
  for (const id of ['b', 'c']) bench.acknowledge(id, 1);
  bench.take();
  return bench;
}

describe('a leader speaks only when there is something to say', () => {
  it('nothing to a member that is level and answers a heartbeat', () => {
    const bench = level();
    bench.core.step(beatAckOf('b', 1));
    expect(bench.core.hasReady()).toBe(false);
    expect(bench.settle()).toEqual([]);
    expect(bench.due).toEqual([]);
  });

  it('at once to one that replicates and lacks something, when it answers a heartbeat', () => {
    const bench = level();
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    bench.core.step(beatAckOf('b', 1));
    expect(bench.core.hasReady()).toBe(true);
    expect(ofKind(bench.settle(), 'append')).toMatchObject([
      { to: 'b', prevIndex: 2, entries: [] },
    ]);
  });

  it('nothing in answer to a late vote, to strangers, and to members that were removed', () => {
    const bench = new CoreBench().lead('b');
    bench.take();
    for (const answer of [
      ballotOf('c', 1),
      ballotOf('c', 1, { granted: false }),
      ackOf('x', 1, 1),
      beatAckOf('x', 1, 9),
      ballotOf('x', 9, { granted: false }),
    ]) {
      expect(bench.step(answer)).toEqual([]);
    }
    expect(bench.core.state).toMatchObject({ role: 'leader', term: 1 });
  });

  it('tells a commit that its own disk brought about, also while it is applying', () => {
    const bench = level();
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    bench.core.step(ackOf('b', 1, 2));
    bench.run();
    // Something older is being applied: nothing new is handed out for that.
    Object.assign(bench.core.state, { applying: 2 });
    const { pending } = bench;
    bench.core.appendDone(pending!.id);
    expect(bench.core.state.commit).toBe(2);
    expect(bench.core.hasReady()).toBe(true);
    const { send } = bench.core.ready();
    expect(ofKind(send, 'append').map(({ to, commit }) => [to, commit])).toEqual([
      ['b', 2],
      ['c', 2],
    ]);
  });

  it('heartbeats of a new leadership come at their own pace', () => {
    const bench = level();
    bench.tick(3);
    bench.step(beatOf('b', 2));
    bench.lead('b');
    bench.take();
    expect(ofKind(bench.tick(4), 'heartbeat')).toEqual([]);
    expect(ofKind(bench.tick(1), 'heartbeat')).toHaveLength(2);
  });

  it('an unreachable member that is probed already is not probed again', () => {
    const bench = new CoreBench().lead('b');
    bench.take();
    bench.core.reportUnreachable('c');
    bench.core.propose(Uint8Array.of(1));
    expect(bench.settle()).toEqual([]);
    for (const role of [new CoreBench(), bench]) role.core.reportUnreachable('nobody');
  });

  it('no leader stands for election', () => {
    const bench = level();
    bench.core.campaign();
    expect(bench.settle()).toEqual([]);
    expect(bench.core.state).toMatchObject({ role: 'leader', term: 1 });
  });

  it('one byte of window more is one request more', () => {
    const size = 100 + 32;
    const sent = (inflightBytesMax: number) => {
      const bench = level({ appendBytesMax: 1, inflightBytesMax });
      for (let i = 0; i < 5; i++) bench.core.propose(new Uint8Array(100));
      return ofKind(bench.settle(), 'append').filter(({ to }) => to === 'b').length;
    };
    expect([sent(2 * size), sent(2 * size + 1)]).toEqual([2, 3]);
  });
});

describe('what a leader has appended and not committed', () => {
  it('is given back entry by entry', () => {
    const bench = level({ uncommittedBytesMax: 100 });
    for (let i = 0; i < 10; i++) bench.core.propose(new Uint8Array(10));
    expect(bench.core.propose(new Uint8Array(10))).toBe('busy');
    bench.settle();
    bench.acknowledge('b', 2);
    expect(bench.core.state.uncommittedBytes).toBe(90);
    bench.acknowledge('b', 6);
    expect(bench.core.state.uncommittedBytes).toBe(50);
    for (let i = 0; i < 5; i++) {
      expect(bench.core.propose(new Uint8Array(10))).toMatchObject({ index: 12 + i });
    }
    expect(bench.core.propose(new Uint8Array(1))).toBe('busy');
    bench.settle();
    bench.acknowledge('b', 16);
    expect(bench.core.state.uncommittedBytes).toBe(0);
  });

  it('does not count what earlier leaders appended', () => {
    const bench = new CoreBench({ log: [1, 1, 1] }).lead('b');
    bench.core.propose(new Uint8Array(10));
    bench.settle();
    bench.acknowledge('b', 4);
    expect(bench.core.state).toMatchObject({ commit: 4, uncommittedBytes: 10 });
  });

  it('one byte already keeps a larger proposal out', () => {
    const bench = level({ uncommittedBytesMax: 10 });
    bench.core.propose(new Uint8Array(1));
    expect(bench.core.propose(new Uint8Array(10))).toBe('busy');
    expect(bench.core.propose(new Uint8Array(9))).toMatchObject({ index: 3 });
  });
});

describe('reads', () => {
  it('an answer to an older round takes nothing back', () => {
    const bench = new CoreBench({ members: ['a', 'b', 'c', 'd', 'e'] }).lead('b', 'c');
    for (const id of ['b', 'c']) bench.acknowledge(id, 1);
    for (const id of [1, 2]) {
      bench.core.readIndex(id);
      bench.settle();
    }
    bench.step(beatAckOf('b', 1, 2));
    bench.step(beatAckOf('b', 1, 1));
    bench.step(beatAckOf('c', 1, 2));
    expect(bench.reads.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('one that a follower has failed does not come back when it leads', () => {
    const bench = new CoreBench();
    bench.core.readIndex(1);
    bench.settle();
    bench.lead('b');
    bench.acknowledge('b', 1);
    bench.step(beatAckOf('b', 1, 1));
    expect(bench.reads).toEqual([{ id: 1, index: null }]);
  });

  it('one that waits for the first commit makes no round before it', () => {
    const bench = new CoreBench().lead('b');
    bench.take();
    bench.core.readIndex(1);
    expect(bench.core.hasReady()).toBe(false);
    expect(ofKind(bench.acknowledge('b', 1), 'heartbeat')).toHaveLength(2);
  });
});

describe('transfer', () => {
  it('news of another member does not repeat the request to the target', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('c', 1);
    bench.core.transferLeadership('c');
    expect(ofKind(bench.settle(), 'timeout-now')).toHaveLength(1);
    expect(ofKind(bench.acknowledge('b', 1), 'timeout-now')).toEqual([]);
  });

  it('a second one, after the first was given up, asks again', () => {
    const bench = level();
    for (let round = 0; round < 2; round++) {
      bench.core.transferLeadership('c');
      expect(ofKind(bench.settle(), 'timeout-now')).toHaveLength(1);
      bench.tick(electionTicks);
      bench.step(beatAckOf('b', 1));
    }
  });

  it('ends when the target is removed by a change that was begun before', () => {
    const bench = leaderWithLearner();
    const { index } = change(bench, { remove: ['c'] });
    expect(bench.core.transferLeadership('c')).toBeNull();
    bench.settle();
    bench.acknowledge('b', index);
    expect(ofKind(bench.take(), 'timeout-now')).toEqual([]);
    expect(bench.core.state.config.votersOutgoing).toEqual([]);
    expect(bench.core.state.transferTarget).toBeNull();
  });
});

describe('what is counted', () => {
  it('candidacies, won elections, and leaderships that were lost for want of a quorum', () => {
    const bench = new CoreBench();
    expect(bench.core.state.counts).toEqual({ elections: 0, electionsWon: 0, quorumLosses: 0 });
    bench.lead('b');
    expect(bench.core.state.counts).toEqual({ elections: 1, electionsWon: 1, quorumLosses: 0 });
    bench.tick(electionTicks + 1);
    expect(bench.core.state.role).toBe('follower');
    expect(bench.core.state.counts).toEqual({ elections: 1, electionsWon: 1, quorumLosses: 1 });
    bench.core.campaign();
    bench.core.campaign();
    expect(bench.core.state.counts).toEqual({ elections: 3, electionsWon: 1, quorumLosses: 1 });
  });
});

describe('leases', () => {
  it('a leadership begins with a lease that is not void, whatever the former one has asked for', () => {
    const bench = level({ lease: true });
    expect(bench.core.leaseRounds?.isUsable).toBe(true);
    bench.core.transferLeadership('c');
    bench.settle();
    expect(bench.core.leaseRounds?.isUsable).toBe(false);
    bench.step(beatOf('b', 2));
    expect(bench.core.leaseRounds).toBeNull();
    bench.tick(electionTicks);
    bench.lead('b');
    bench.acknowledge('b', 2);
    expect(bench.core.leaseRounds?.isUsable).toBe(true);
  });

  it('who has promised not to elect another one may stand again when the promise is over, not before', () => {
    const options = { lease: true, electionTicksMax: 3 * electionTicks };
    const bench = new CoreBench({ options, random: () => 0.9 });
    bench.step(beatOf('b', 1));
    bench.tick(electionTicks - 1);
    bench.core.campaign();
    expect(bench.core.state.role).toBe('follower');
    bench.tick(1);
    bench.core.campaign();
    expect(bench.core.state.role).toBe('pre-candidate');
  });
});

describe('members that need a snapshot', () => {
  /** c is known up to `match` and has its window full; everything up to 6 is committed, the log begins behind 4. */
  function compacting(): CoreBench {
    const bench = level({ appendBytesMax: 1, inflightMessagesMax: 1 });
    for (let i = 0; i < 5; i++) bench.core.propose(Uint8Array.of(i));
    bench.settle();
    for (let index = 2; index <= 6; index++) bench.acknowledge('b', index);
    expect(bench.core.state.commit).toBe(6);
    bench.core.compact(4);
    bench.take();
    return bench;
  }

  it('one that replicates and falls behind the log is found out when its window moves', () => {
    const bench = compacting();
    expect(bench.acknowledge('c', 2)).toEqual([]);
    expect(bench.due).toEqual([{ to: 'c', from: 4 }]);
    expect(bench.core.state.progress.get('c')?.state).toBe('snapshot');
  });

  it('one that was heard of within an election timeout gets it, no other', () => {
    for (const [ticks, due] of [
      [electionTicks, 1],
      [electionTicks + 1, 0],
    ] as const) {
      const bench = compacting();
      for (let i = 0; i < ticks; i++) {
        bench.core.tick();
        bench.core.step(beatAckOf('b', 1));
      }
      const peer = bench.core.state.progress.get('c')!;
      peer.becomeSnapshot();
      bench.core.propose(Uint8Array.of(1));
      bench.settle();
      expect(bench.due).toHaveLength(due);
    }
  });

  it('the log is kept for a snapshot on its way, of any index, to who lives', () => {
    const bench = compacting();
    const peer = bench.core.state.progress.get('c')!;
    bench.core.snapshotChosen('c', snapshotAt([1, 1]));
    expect(bench.core.snapshotFloor).toBe(Number.POSITIVE_INFINITY);
    peer.isSnapshotRequested = true;
    bench.core.snapshotChosen('c', snapshotAt([1, 1]));
    expect(bench.core.snapshotFloor).toBe(1);
    for (let i = 0; i < electionTicks; i++) bench.core.tick();
    expect(bench.core.snapshotFloor).toBe(1);
    bench.core.tick();
    expect(bench.core.snapshotFloor).toBe(Number.POSITIVE_INFINITY);
    bench.core.snapshotChosen('nobody', snapshotAt([1, 1]));
    bench.core.reportSnapshot('nobody', true);
  });

  it('what is due and not yet handed out is forgotten with the leadership', () => {
    const bench = compacting();
    bench.core.step(ackOf('c', 1, 2));
    const { progress } = bench.core.state;
    bench.core.state.snapshotsDue.push({ to: 'c', from: 4 });
    expect(progress.size).toBe(3);
    bench.core.step(beatOf('b', 2));
    bench.settle();
    expect(bench.due).toEqual([]);
  });
});

describe('changes of the members', () => {
  it('all voters may be replaced at once, by a single one', () => {
    const bench = leaderWithLearner();
    expect(refusal(bench, { promote: ['d'], remove: ['a', 'b', 'c'] })).toBe('begun');
    expect(bench.core.state.config).toMatchObject({
      voters: ['d'],
      votersOutgoing: ['a', 'b', 'c'],
    });
  });

  it('as many voters as before and others are a joint change all the same', () => {
    const bench = leaderWithLearner();
    change(bench, { replace: { b: 'd' } });
    expect(bench.core.state.config).toMatchObject({
      voters: ['a', 'c', 'd'],
      votersOutgoing: ['a', 'b', 'c'],
      autoLeave: true,
    });
  });

  it('a learner that has never answered is not level, however short the log is', () => {
    const bench = new CoreBench({ config: { ...bootstrap, learners: ['d'] } }).lead('b', 'c');
    bench.acknowledge('b', 1);
    expect(refusal(bench, { promote: ['d'] })).toBe('not-level d');
  });

  it('a joint configuration that is not left by itself keeps other changes out', () => {
    const config = { ...initialConfig({ a: 'a', b: 'b' }), votersOutgoing: ['a'], learners: ['d'] };
    const bench = new CoreBench({ config }).lead('b');
    for (const id of ['b', 'd']) bench.acknowledge(id, 1);
    expect(refusal(bench, { promote: ['d'] })).toBe('in-progress');
    expect(bench.core.state.config.votersOutgoing).toEqual(['a']);
  });

  it('a leader that stays does not step down when another one has left', () => {
    const bench = leaderWithLearner();
    const { index } = change(bench, { remove: ['c'] });
    for (const at of [index, index + 1]) bench.acknowledge('b', at);
    expect(bench.core.state).toMatchObject({ role: 'leader', commit: index + 1 });
    expect(bench.core.members().map(({ id }) => id)).toEqual(['a', 'b', 'd']);
  });

  it('a removed leader asks nobody to take over who is not level', () => {
    const bench = leaderWithLearner(bootstrap);
    const { index } = change(bench, { remove: ['a'] });
    for (const id of ['b', 'c']) bench.acknowledge(id, index);
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    const sent = ['b', 'c'].flatMap((id) => bench.acknowledge(id, index + 1));
    expect(bench.core.state).toMatchObject({ role: 'follower', commit: index + 1 });
    expect(ofKind(sent, 'timeout-now')).toEqual([]);
  });

  it('only a joint configuration lets a member that the newest one removes stand for election', () => {
    const before = { ...initialConfig({ a: 'a', b: 'b' }), learners: [] };
    const without = { ...before, voters: ['b'] };
    const single = new CoreBench({ config: before, log: [1], configs: new Map([[1, without]]) });
    expect(single.core.state.mayCampaign).toBe(false);
    const joint = { ...without, votersOutgoing: ['a'] };
    const history = new Map([
      [1, joint],
      [2, without],
    ]);
    const leaving = new CoreBench({ config: before, log: [1, 1], configs: history });
    expect(leaving.core.state.mayCampaign).toBe(true);
  });
});

describe('what the leader knows of the others', () => {
  it('where they stand, who is heard of, and itself', () => {
    const bench = level();
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    expect(bench.core.members()).toEqual([
      { id: 'a', matchIndex: 1, active: true, needsSnapshot: false },
      { id: 'b', matchIndex: 1, active: true, needsSnapshot: false },
      { id: 'c', matchIndex: 1, active: true, needsSnapshot: false },
    ]);
    bench.sync();
    for (let i = 0; i < electionTicks; i++) bench.core.tick();
    bench.step(beatAckOf('b', 1));
    const actives = () => bench.core.members().map(({ active }) => active);
    expect(actives()).toEqual([true, true, true]);
    bench.core.tick();
    expect(actives()).toEqual([true, true, false]);
    expect(bench.core.members()[0]?.matchIndex).toBe(2);
    expect(new CoreBench().core.members()).toEqual([]);
  });

  it('how far all of them are, itself included, which it tells by heartbeats', () => {
    const bench = level();
    expect(bench.core.allMatched).toBe(1);
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    bench.acknowledge('b', 2);
    expect(bench.core.allMatched).toBe(1);
    bench.acknowledge('c', 2);
    expect(bench.core.allMatched).toBe(2);
    const beats = ofKind(bench.tick(5), 'heartbeat');
    expect(beats.map(({ allMatched }) => allMatched)).toEqual([2, 2]);
    bench.core.propose(Uint8Array.of(2));
    bench.run();
    bench.core.step(ackOf('b', 1, 3));
    bench.core.step(ackOf('c', 1, 3));
    expect(bench.core.allMatched).toBe(2);
    bench.sync();
    expect(bench.core.allMatched).toBe(3);
    bench.step(voteOf('b', 9, [9, 9], { transfer: true }));
    expect(bench.core.allMatched).toBe(0);
  });

  it('a follower knows what its leader told it last', () => {
    const bench = new CoreBench({ log: [1, 1, 1] });
    expect(bench.core.allMatched).toBe(0);
    bench.step(beatOf('b', 1, 0, { allMatched: 2 }));
    expect(bench.core.allMatched).toBe(2);
    bench.step(beatOf('b', 1, 0));
    expect(bench.core.allMatched).toBe(0);
    bench.step(beatOf('b', 1, 0, { allMatched: 3 }));
    bench.step(appendOf('c', 2, [3, 1], []));
    expect(bench.core.allMatched).toBe(0);
  });
});
