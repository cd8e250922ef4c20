import { describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';
import {
  ackOf,
  ballotOf,
  beatAckOf,
  beatOf,
  preBallotOf,
  preVoteOf,
  voteOf,
} from '../unit/core-messages.ts';

const three = ['a', 'b', 'c'];

function trio(setup: (id: string) => object = () => ({})): CoreCluster {
  return new CoreCluster(
    three.map((id, i) => {
      const random = new Random(i + 1);
      const options = { electionTicksMax: 2 * electionTicks };
      return new CoreBench({
        id,
        members: three,
        options,
        random: () => random.next(),
        ...setup(id),
      });
    }),
  );
}

describe('dissertation 9.6: pre-vote', () => {
  it('asks first, in the next term, and changes neither term nor vote', () => {
    const bench = new CoreBench({ log: [1, 1], term: 4, votedFor: 'b' });
    const asked = bench.tick(electionTicks);
    const rest = { kind: 'pre-vote', from: 'a', term: 5, lastIndex: 2, lastTerm: 1 };
    expect(asked).toEqual([
      { ...rest, to: 'b', transfer: false },
      { ...rest, to: 'c', transfer: false },
    ]);
    expect(bench.core.state).toMatchObject({ role: 'pre-candidate', term: 4, votedFor: 'b' });
    expect(bench.pending).toBeNull();
  });

  it('stands for election when a majority would vote for it', () => {
    const bench = new CoreBench({ term: 4 });
    bench.tick(electionTicks);
    const asked = bench.step(preBallotOf('b', 5));
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 5, votedFor: 'a' });
    expect(ofKind(asked, 'vote').map(({ to, term }) => [to, term])).toEqual([
      ['b', 5],
      ['c', 5],
    ]);
  });

  it('gives up when a majority would not, and does not raise the term', () => {
    const bench = new CoreBench({ term: 4 });
    bench.tick(electionTicks);
    for (const from of ['b', 'c']) bench.step(preBallotOf(from, 4, { granted: false }));
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 4 });
  });

  it('a refusal in a higher term brings that term', () => {
    const bench = new CoreBench({ term: 4 });
    bench.tick(electionTicks);
    bench.step(preBallotOf('b', 9, { granted: false }));
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 9 });
  });

  it('counts its own answer at once, so that a member alone needs nobody', () => {
    const bench = new CoreBench({ members: ['a'] });
    for (let i = 0; i < electionTicks; i++) bench.core.tick();
    expect(bench.core.state.role).toBe('candidate');
    expect(bench.core.state.term).toBe(1);
  });

  it('a promise of another term is none: only the term that was asked for counts', () => {
    const bench = new CoreBench({ term: 4 });
    bench.tick(electionTicks);
    for (const term of [4, 6]) bench.step(preBallotOf('b', term));
    expect(bench.core.state).toMatchObject({ role: 'pre-candidate', term: 4 });
  });

  it('a pre-vote that comes late elects nobody: neither a candidate nor a follower', () => {
    const bench = new CoreBench({ members: ['a', 'b', 'c', 'd', 'e'] });
    bench.tick(electionTicks);
    for (const from of ['b', 'c']) bench.step(preBallotOf(from, 1));
    expect(bench.core.state.role).toBe('candidate');
    for (const from of ['b', 'c', 'd', 'e']) bench.step(preBallotOf(from, 1));
    expect(bench.core.state.role).toBe('candidate');
    bench.step(appendOf('b', 1, [0, 0], []));
    bench.step(preBallotOf('d', 2));
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 1 });
  });

  it('the own pre-vote is no own vote: a candidate counts itself when its vote is durable', () => {
    const bench = new CoreBench();
    bench.tick(electionTicks);
    bench.core.step(preBallotOf('b', 1));
    bench.run();
    bench.core.step(ballotOf('b', 1));
    expect(bench.core.state.role).toBe('candidate');
    expect(bench.core.state.votes.has('a')).toBe(false);
    bench.sync();
    expect(bench.core.state.role).toBe('leader');
  });

  it('answering changes no term, no vote and no timer, and needs no disk', () => {
    const bench = new CoreBench({ term: 4 });
    bench.tick(7);
    bench.core.step(preVoteOf('b', 5));
    bench.run();
    expect(bench.pending).toBeNull();
    expect(bench.take()).toEqual([
      {
        kind: 'pre-vote-response',
        from: 'a',
        to: 'b',
        term: 5,
        granted: true,
        tornLog: false,
      },
    ]);
    expect(bench.core.state).toMatchObject({ term: 4, votedFor: null, electionElapsed: 7 });
  });

  it('grants as many pre-votes of a term to come as are asked for', () => {
    const bench = new CoreBench({ term: 4 });
    for (const from of ['b', 'c', 'b']) {
      expect(bench.step(preVoteOf(from, 5))).toMatchObject([{ granted: true }]);
    }
  });

  it('in its own term it grants one only to whom it could vote for', () => {
    const bench = new CoreBench({ term: 4, votedFor: 'b' });
    expect(bench.step(preVoteOf('b', 4))).toMatchObject([{ granted: true }]);
    expect(bench.step(preVoteOf('c', 4))).toMatchObject([{ granted: false }]);
  });

  it('of an old term it is refused with the own one', () => {
    const bench = new CoreBench({ term: 4 });
    expect(bench.step(preVoteOf('b', 3))).toMatchObject([{ granted: false, term: 4 }]);
  });

  it('two that stand at the same time: one is elected, the term does not run away', () => {
    const cluster = trio();
    for (const id of ['a', 'c']) cluster.get(id).core.campaign();
    cluster.deliver();
    const leader = cluster.elect();
    expect(leader.core.state.term).toBeLessThanOrEqual(2);
    // The one with the stale log, back from a partition, cannot replace it.
    const lost = leader.id === 'c' ? 'a' : 'c';
    cluster.down.add(lost);
    leader.core.propose(Uint8Array.of(1));
    cluster.deliver();
    const { term } = leader.core.state;
    cluster.get(lost).core.campaign();
    cluster.get(lost).settle();
    cluster.down.delete(lost);
    cluster.get(lost).core.campaign();
    cluster.deliver();
    expect(leader.core.state).toMatchObject({ role: 'leader', term });
  });

  it('a member that was cut off long does not disturb a working leader', () => {
    const cluster = trio();
    const leader = cluster.elect();
    const lost = three.find((id) => id !== leader.id)!;
    cluster.down.add(lost);
    for (let i = 0; i < 10 * electionTicks; i++) cluster.get(lost).core.tick();
    cluster.get(lost).settle();
    const { term } = leader.core.state;
    cluster.down.delete(lost);
    cluster.tick(5 * electionTicks);
    expect(cluster.leaders).toEqual([leader]);
    expect(leader.core.state.term).toBe(term);
    expect(cluster.get(lost).core.state.leader).toBe(leader.id);
  });

  it('without it, such a member raises the term once and the cluster goes on', () => {
    const cluster = trio(() => ({
      options: { preVote: false, electionTicksMax: 2 * electionTicks },
    }));
    const leader = cluster.elect();
    const lost = three.find((id) => id !== leader.id)!;
    cluster.down.add(lost);
    for (let i = 0; i < 5 * electionTicks; i++) cluster.get(lost).core.tick();
    cluster.get(lost).settle();
    const { term } = cluster.get(lost).core.state;
    expect(term).toBeGreaterThan(leader.core.state.term);
    cluster.down.delete(lost);
    cluster.tick(10 * electionTicks);
    expect(cluster.leaders).toHaveLength(1);
    expect(cluster.leaders[0]!.core.state.term).toBeLessThanOrEqual(term + 1);
  });
});

describe('dissertation 6.2: a leader without a quorum steps down', () => {
  it('when it has heard no majority for an election timeout', () => {
    const bench = new CoreBench().lead('b');
    bench.tick(electionTicks);
    expect(bench.core.state.role).toBe('leader');
    bench.tick(2);
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: null, term: 1 });
  });

  it.each([
    ['heartbeat answers', () => beatAckOf('b', 1)],
    ['acknowledgements', () => ackOf('b', 1, 1)],
  ])('%s of a majority keep it', (_, answer) => {
    const bench = new CoreBench().lead('b');
    for (let i = 0; i < 5; i++) {
      bench.tick(electionTicks);
      bench.step(answer());
    }
    expect(bench.core.state.role).toBe('leader');
  });

  it('answers of a minority do not', () => {
    const bench = new CoreBench({ members: ['a', 'b', 'c', 'd', 'e'] }).lead('b', 'c');
    for (let i = 0; i < 5 && bench.core.state.role === 'leader'; i++) {
      bench.tick(electionTicks / 2);
      bench.step(beatAckOf('b', 1));
    }
    expect(bench.core.state.role).toBe('follower');
  });

  it('a leader alone stays, and one that does not check its quorum as well', () => {
    const alone = new CoreBench({ members: ['a'] }).lead();
    const unchecked = new CoreBench({ options: { checkQuorum: false } }).lead('b');
    for (const bench of [alone, unchecked]) {
      bench.tick(10 * electionTicks);
      expect(bench.core.state.role).toBe('leader');
    }
  });

  it('says whether it has a quorum, and a follower whether it hears its leader', () => {
    const leader = new CoreBench().lead('b');
    expect(leader.core.hasQuorum).toBe(true);
    leader.tick(electionTicks);
    expect(leader.core.hasQuorum).toBe(true);
    const follower = new CoreBench();
    expect(follower.core.hasQuorum).toBe(false);
    follower.step(beatOf('b', 1));
    expect(follower.core.hasQuorum).toBe(true);
    follower.tick(electionTicks - 1);
    expect(follower.core.hasQuorum).toBe(true);
    const unchecked = new CoreBench({ options: { checkQuorum: false } }).lead('b');
    unchecked.tick(electionTicks + 1);
    expect(unchecked.core.hasQuorum).toBe(false);
  });
});

describe('dissertation 4.2.3: who hears a leader helps nobody to replace it', () => {
  const late = [9, 8] as const;

  it.each([
    ['vote', voteOf('c', 9, late)],
    ['pre-vote', preVoteOf('c', 9, late)],
  ])('a follower leaves a %s unanswered within the smallest election timeout', (_, request) => {
    const bench = new CoreBench();
    bench.step(beatOf('b', 1));
    bench.tick(electionTicks - 1);
    expect(bench.step(request)).toEqual([]);
    expect(bench.core.state).toMatchObject({ term: 1, leader: 'b' });
  });

  it('and answers it afterwards', () => {
    const options = { electionTicksMax: 3 * electionTicks };
    const bench = new CoreBench({ options, random: () => 0.9 });
    bench.step(beatOf('b', 1));
    bench.tick(electionTicks);
    expect(bench.step(voteOf('c', 9, late))).toMatchObject([{ granted: true, term: 9 }]);
  });

  it('a leader leaves both unanswered', () => {
    const bench = new CoreBench().lead('b');
    bench.take();
    expect(bench.step(voteOf('c', 9, late))).toEqual([]);
    expect(bench.step(preVoteOf('c', 9, late))).toEqual([]);
    expect(bench.core.state).toMatchObject({ role: 'leader', term: 1 });
  });

  it('unless the leader itself asks, or has asked the candidate to stand', () => {
    const byLeader = new CoreBench();
    byLeader.step(beatOf('b', 1));
    expect(byLeader.step(preVoteOf('b', 2))).toMatchObject([{ granted: true }]);
    const byTransfer = new CoreBench();
    byTransfer.step(beatOf('b', 1));
    expect(byTransfer.step(voteOf('c', 2, late, { transfer: true }))).toMatchObject([
      { granted: true, term: 2 },
    ]);
  });

  it('without check-quorum a leader could hold on to power for ever, so nobody is sticky', () => {
    const bench = new CoreBench({ options: { checkQuorum: false } });
    bench.step(beatOf('b', 1));
    expect(bench.step(voteOf('c', 9, late))).toMatchObject([{ granted: true }]);
  });
});
