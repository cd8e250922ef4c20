import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import type { ClusterConfig } from '../../src/core/types.ts';
import { Random } from '../../src/testing/random.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from './core-bench.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

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

describe('known bugs of other implementations', () => {
  it('B1 commit rule: an old entry on a majority is committed only with one of the own term (figure 8)', () => {
    const leader = new CoreBench({ members: five, log: [1, 2], term: 3 }).lead('b', 'c');
    expect(leader.core.state.term).toBe(4);
    leader.acknowledge('b', 2);
    leader.acknowledge('c', 2);
    expect(leader.core.state.commit).toBe(0);
    leader.acknowledge('b', 3);
    leader.acknowledge('c', 3);
    expect(leader.core.state.commit).toBe(3);
  });

  it('B2 one vote: hearing the leader of a term does not free the vote of that term', () => {
    const bench = new CoreBench();
    const ask = (from: string, lastIndex: number) => {
      const request = { from, to: 'a', term: 9, lastIndex, lastTerm: lastIndex, transfer: true };
      return ofKind(bench.step({ kind: 'vote', ...request }), 'vote-response')[0]?.granted;
    };
    expect(ask('b', 0)).toBe(true);
    bench.step(appendOf('b', 8, [0, 0], []));
    bench.step(appendOf('b', 9, [0, 0], []));
    expect(ask('c', 5)).toBe(false);
  });

  it('B4 commit: never beyond the prefix that the request vouches for', () => {
    const bench = new CoreBench({ log: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], term: 1 });
    bench.step(appendOf('b', 2, [9, 1], [], 11));
    expect(bench.core.state.commit).toBe(9);
  });

  it('B5 heartbeat: carries no more than the match, and a receiver believes no more', () => {
    const follower = new CoreBench({ log: [1, 1, 1] });
    const beat = { from: 'b', to: 'a', term: 2, readRound: 0 } as const;
    follower.step({ kind: 'heartbeat', ...beat, commit: 3 });
    expect(follower.core.state.commit).toBe(0);
    const leader = new CoreBench({ log: [1, 1] }).lead('b');
    leader.acknowledge('b', 3);
    leader.take();
    const beats = ofKind(leader.tick(5), 'heartbeat');
    expect(beats.map((m) => [m.to, m.commit])).toEqual([
      ['b', 3],
      ['c', 0],
    ]);
  });

  it('B6 match: follows what was sent, never the length of a foreign log', () => {
    const follower = new CoreBench({ log: [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2] });
    const [answer] = ofKind(follower.step(appendOf('b', 3, [7, 1], [])), 'append-response');
    expect(answer).toMatchObject({ success: true, index: 7 });
    const leader = new CoreBench({ log: [1, 1, 1, 1, 1, 1, 1] }).lead('b');
    const beat = { kind: 'heartbeat-response', from: 'c', to: 'a', readRound: 0 } as const;
    leader.step({ ...beat, term: leader.core.state.term });
    expect(leader.core.members().find((m) => m.id === 'c')?.matchIndex).toBe(0);
  });

  it('B7 late duplicate: cuts nothing that was acknowledged', () => {
    const bench = new CoreBench();
    bench.step(appendOf('b', 1, [0, 0], [1, 1, 1, 1, 1]));
    bench.core.step(appendOf('b', 1, [1, 1], [1, 1]));
    const readies = bench.run();
    expect(bench.log).toEqual([1, 1, 1, 1, 1]);
    expect(readies.every((ready) => (ready.append?.truncateFrom ?? null) === null)).toBe(true);
  });

  it('B9 conflict: the tail goes, and a configuration in it is rolled back', () => {
    const grown: ClusterConfig = initialConfig({ a: 'a', b: 'b', c: 'c', d: 'd' });
    const bench = new CoreBench({ log: [1, 1, 1, 2, 2], configs: new Map([[5, grown]]) });
    expect(bench.core.state.config.voters).toContain('d');
    bench.core.step(appendOf('b', 3, [3, 1], [3]));
    bench.run();
    expect(bench.pending).toMatchObject({ truncateFrom: 4, entries: [{ index: 4, term: 3 }] });
    bench.settle();
    expect(bench.log).toEqual([1, 1, 1, 3]);
    expect(bench.store.lastIndex).toBe(4);
    expect(bench.core.state.config.voters).toEqual(['a', 'b', 'c']);
  });

  it('B11 durability: a follower answers only after its append is done', () => {
    const bench = new CoreBench();
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    expect(bench.take()).toEqual([]);
    bench.sync();
    expect(ofKind(bench.take(), 'append-response')).toMatchObject([{ success: true, index: 1 }]);
  });

  it('B11 durability: a leader alone commits nothing before its append is done', () => {
    const bench = new CoreBench({ members: ['a'] }).lead();
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    expect(bench.core.state.commit).toBe(1);
    expect(bench.applied.map((entry) => entry.index)).toEqual([1]);
    bench.sync();
    expect(bench.applied.map((entry) => entry.index)).toEqual([1, 2]);
  });

  it('B11 durability: a leader of three counts itself only after its append is done', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('b', 1);
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    const answer = { from: 'b', to: 'a', term: 1, success: true, index: 2 } as const;
    bench.core.step({ kind: 'append-response', ...answer, hintIndex: 0, hintTerm: 0 });
    bench.run();
    expect(bench.core.state.commit).toBe(1);
    bench.sync();
    expect(bench.core.state.commit).toBe(2);
  });

  it('B11 durability: two followers commit without the leader, which applies when it is durable', () => {
    const bench = new CoreBench().lead('b');
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    for (const from of ['b', 'c']) {
      const answer = { from, to: 'a', term: 1, success: true, index: 2 } as const;
      bench.core.step({ kind: 'append-response', ...answer, hintIndex: 0, hintTerm: 0 });
    }
    bench.run();
    expect(bench.core.state.commit).toBe(2);
    expect(bench.applied.map((entry) => entry.index)).toEqual([1]);
    bench.sync();
    expect(bench.applied.map((entry) => entry.index)).toEqual([1, 2]);
  });

  it('B12 ABA: a late completion never marks the entries durable that took the place', () => {
    const bench = new CoreBench({ members: five, log: [1, 1, 1, 1] });
    bench.core.step(appendOf('b', 2, [4, 1], [2, 2]));
    bench.run();
    const first = bench.pending!;
    bench.core.step(appendOf('c', 3, [4, 1], [3]));
    bench.run();
    expect(bench.core.state.log.stableIndex).toBe(4);
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(4);
    const early = ofKind(bench.take(), 'append-response');
    expect(early.some((m) => m.term === 3)).toBe(false);
    expect(bench.pending).toMatchObject({ truncateFrom: 5, entries: [{ index: 5, term: 3 }] });
    bench.core.appendDone(first.id);
    expect(bench.core.state.log.stableIndex).toBe(4);
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(5);
    expect(ofKind(bench.take(), 'append-response')).toMatchObject([{ term: 3, index: 5 }]);
  });

  it('B13 deposed leader: refuses what is proposed late', () => {
    const bench = new CoreBench().lead('b');
    bench.step(appendOf('c', 78, [0, 0], []));
    expect(bench.core.propose(Uint8Array.of(1))).toBe('not-leader');
    expect(bench.log).toEqual([1]);
  });

  it('B19 learners: their acknowledgements and votes never count', () => {
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

  it('B19 joint configuration: needs a majority of both halves', () => {
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

  it('B25 reads: wait for the first commit of the own term', () => {
    const bench = new CoreBench({ log: [1, 1] }).lead('b');
    bench.take();
    bench.core.readIndex(1);
    expect(ofKind(bench.settle(), 'heartbeat')).toEqual([]);
    bench.acknowledge('b', 3);
    expect(bench.reads).toEqual([]);
    const answer = { kind: 'heartbeat-response', from: 'b', to: 'a', term: 2 } as const;
    bench.step({ ...answer, readRound: 1 });
    expect(bench.reads).toEqual([{ id: 1, index: 3 }]);
  });

  it('B26 reads: an answer to an earlier round confirms no later read, and all fail on step-down', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('b', 1);
    const answer = { kind: 'heartbeat-response', from: 'b', to: 'a', term: 1 } as const;
    bench.core.readIndex(1);
    bench.settle();
    bench.core.readIndex(2);
    bench.settle();
    bench.step({ ...answer, readRound: 1 });
    expect(bench.reads).toEqual([{ id: 1, index: 1 }]);
    bench.step(appendOf('c', 5, [0, 0], []));
    expect(bench.reads).toEqual([
      { id: 1, index: 1 },
      { id: 2, index: null },
    ]);
  });

  it('B33 flow control: all answers lost with a full window, and the follower still catches up', () => {
    const cluster = trio(() => ({ options: { inflightMessagesMax: 2, appendBytesMax: 1 } }));
    const leader = cluster.elect();
    const others = ['a', 'b', 'c'].filter((id) => id !== leader.id);
    const lagging = others[0]!;
    cluster.drop = (m) => m.kind === 'append-response' && m.from === lagging;
    for (let i = 0; i < 10; i++) leader.core.propose(Uint8Array.of(i));
    cluster.deliver();
    expect(leader.core.state.commit).toBe(leader.core.state.log.lastIndex);
    expect(cluster.get(lagging).log.length).toBeLessThan(leader.log.length);
    cluster.drop = () => false;
    cluster.tick(30);
    expect(cluster.get(lagging).log).toEqual(leader.log);
    expect(leader.core.members().every((m) => m.matchIndex === leader.log.length)).toBe(true);
  });
});

describe('B29 pre-vote traps, each elects within ten election timeouts', () => {
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

describe('B30 strangers', () => {
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
    expect(cluster.leaders[0]!.core.state.term).toBeLessThanOrEqual(51);
  });
});

describe('B32 transfer traps', () => {
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

describe('rules of the log', () => {
  it('L3 torn: ends its old term, wins only with every vote, and is whole again when level', () => {
    const torn = new CoreBench({ log: [1, 1], term: 4, tornLog: true });
    expect(torn.core.state).toMatchObject({ term: 5, votedFor: null });
    const asked = ofKind(torn.tick(electionTicks), 'pre-vote');
    expect(asked.length).toBe(2);
    const answer = { to: 'a', term: 6, granted: true } as const;
    torn.step({ kind: 'pre-vote-response', from: 'b', ...answer, tornLog: true });
    expect(torn.core.state.role).toBe('pre-candidate');
    torn.step({ kind: 'pre-vote-response', from: 'c', ...answer, tornLog: false });
    expect(torn.core.state.role).toBe('candidate');

    const member = new CoreBench({ log: [1, 1], term: 4, tornLog: true });
    const request = { from: 'b', to: 'a', term: 6, lastIndex: 2, lastTerm: 1, transfer: false };
    const [vote] = ofKind(member.step({ kind: 'vote', ...request }), 'vote-response');
    expect(vote).toMatchObject({ granted: true, tornLog: true });
    member.step(appendOf('b', 6, [2, 1], [5], 3));
    expect(member.core.state.tornLog).toBe(true);
    member.core.step(appendOf('b', 6, [3, 5], [6], 4));
    const readies = member.run();
    expect(readies.some((ready) => ready.append?.clearTorn === true)).toBe(true);
    expect(member.core.state.tornLog).toBe(false);
  });

  it('L5 loop delay: forgoes at most three elections in a row', () => {
    const bench = new CoreBench();
    const roundsLate = () => {
      for (let i = 0; i < electionTicks - 1; i++) bench.core.tick();
      const isForgone = bench.core.tick(false);
      bench.settle();
      return isForgone;
    };
    expect([roundsLate(), roundsLate(), roundsLate(), roundsLate()]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(bench.core.state.role).toBe('pre-candidate');
  });

  it('limits: refuses large entries, and proposals beyond the uncommitted bytes but for the first', () => {
    const options = { entryBytesMax: 100, uncommittedBytesMax: 10 };
    const bench = new CoreBench({ options }).lead('b');
    expect(bench.core.propose(new Uint8Array(101))).toBe('too-large');
    expect(bench.core.propose(new Uint8Array(50))).toMatchObject({ index: 2 });
    expect(bench.core.propose(new Uint8Array(1))).toBe('busy');
    bench.settle();
    bench.acknowledge('b', 2);
    expect(bench.core.propose(new Uint8Array(1))).toMatchObject({ index: 3 });
  });
});
