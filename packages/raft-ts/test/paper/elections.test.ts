import { describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';
import { ballotOf, beatOf, preBallotOf, voteOf } from '../unit/core-messages.ts';

const three = ['a', 'b', 'c'];
const classic = { preVote: false } as const;
const wide = { ...classic, electionTicksMax: 2 * electionTicks } as const;

function candidate(members: readonly string[] = three): CoreBench {
  const bench = new CoreBench({ members, options: classic });
  bench.tick(electionTicks);
  expect(bench.core.state).toMatchObject({ term: 1, votedFor: 'a' });
  return bench;
}

describe('Raft paper 5.2 and figure 2: followers', () => {
  it('a member starts as a follower, whatever term it had', () => {
    expect(new CoreBench().core.state).toMatchObject({ role: 'follower', leader: null });
    expect(new CoreBench({ term: 9, votedFor: 'a' }).core.state.role).toBe('follower');
  });

  it('says nothing before its election timeout', () => {
    expect(new CoreBench().tick(electionTicks - 1)).toEqual([]);
  });

  it.each([
    ['heartbeats', (bench: CoreBench) => bench.step(beatOf('b', 1))],
    ['appends', (bench: CoreBench) => bench.step(appendOf('b', 1, [0, 0], []))],
  ])('stays a follower while it hears %s', (_, hear) => {
    const bench = new CoreBench();
    for (let i = 0; i < 5; i++) {
      hear(bench);
      bench.tick(electionTicks - 1);
    }
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: 'b', term: 1 });
  });

  it('granting a vote puts the own candidacy off, refusing one does not', () => {
    const granting = new CoreBench();
    const refusing = new CoreBench({ log: [1] });
    for (const bench of [granting, refusing]) {
      bench.tick(electionTicks - 1);
      bench.step(voteOf('b', 1));
    }
    expect(granting.core.state.electionElapsed).toBe(0);
    expect(refusing.core.state.electionElapsed).toBe(electionTicks - 1);
  });
});

describe('Raft paper 5.2 and figure 2: candidates', () => {
  it('raises the term, votes for itself and asks all others, the log end told', () => {
    const bench = new CoreBench({ log: [1, 1, 2], options: classic });
    const asked = bench.tick(electionTicks);
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 3, votedFor: 'a' });
    const rest = { kind: 'vote', from: 'a', term: 3, lastIndex: 3, lastTerm: 2, transfer: false };
    expect(asked).toEqual([
      { ...rest, to: 'b' },
      { ...rest, to: 'c' },
    ]);
  });

  it('its term and own vote are durable before it asks, and its own vote counts only then', () => {
    const bench = new CoreBench({ members: ['a'], options: classic });
    for (let i = 0; i < electionTicks; i++) bench.core.tick();
    bench.run();
    expect(bench.pending?.hardState).toEqual({ term: 1, votedFor: 'a' });
    expect(bench.core.state.role).toBe('candidate');
    bench.sync();
    expect(bench.core.state.role).toBe('leader');

    const asking = new CoreBench({ options: classic });
    for (let i = 0; i < electionTicks; i++) asking.core.tick();
    asking.run();
    expect(asking.take()).toEqual([]);
    asking.sync();
    expect(ofKind(asking.take(), 'vote').map(({ to }) => to)).toEqual(['b', 'c']);
  });

  it('votes that arrive before the own one is durable wait for it', () => {
    const bench = new CoreBench({ options: classic });
    for (let i = 0; i < electionTicks; i++) bench.core.tick();
    bench.run();
    bench.core.step(ballotOf('b', 1));
    bench.core.step(ballotOf('c', 1));
    expect(bench.core.state.role).toBe('candidate');
    bench.sync();
    expect(bench.core.state.role).toBe('leader');
  });

  it('starts a new election in a new term when it has heard nothing for another timeout', () => {
    const bench = candidate();
    expect(ofKind(bench.tick(electionTicks - 1), 'vote')).toEqual([]);
    expect(ofKind(bench.tick(1), 'vote').map(({ to, term }) => [to, term])).toEqual([
      ['b', 2],
      ['c', 2],
    ]);
    // A vote of the former election is none of this one.
    bench.step(ballotOf('b', 1));
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 2 });
  });

  it.each([
    [1, '', '', 'leader'],
    [3, 'b', '', 'leader'],
    [3, '', 'b', 'candidate'],
    [3, '', 'bc', 'follower'],
    [3, '', '', 'candidate'],
    [5, 'bcde', '', 'leader'],
    [5, 'bc', '', 'leader'],
    [5, 'bc', 'de', 'leader'],
    [5, 'b', '', 'candidate'],
    [5, 'b', 'cd', 'candidate'],
    [5, 'b', 'cde', 'follower'],
    [4, 'b', '', 'candidate'],
    [4, 'bc', '', 'leader'],
    [4, '', 'bc', 'follower'],
  ])('of %i members, votes of "%s" and refusals of "%s" make it a %s', (size, yes, no, role) => {
    const bench = candidate(['a', 'b', 'c', 'd', 'e'].slice(0, size));
    for (const from of yes) bench.step(ballotOf(from, 1));
    for (const from of no) bench.step(ballotOf(from, 1, { granted: false }));
    expect(bench.core.state).toMatchObject({ role, term: 1 });
  });

  it('counts nobody twice, and a voter cannot take its answer back', () => {
    const bench = candidate(['a', 'b', 'c', 'd', 'e']);
    for (let i = 0; i < 3; i++) bench.step(ballotOf('b', 1));
    expect(bench.core.state.role).toBe('candidate');
    bench.step(ballotOf('c', 1, { granted: false }));
    bench.step(ballotOf('c', 1));
    expect(bench.core.state.role).toBe('candidate');
  });

  it('an answer to a pre-vote is no vote', () => {
    const bench = candidate();
    bench.step(preBallotOf('b', 1));
    expect(bench.core.state.role).toBe('candidate');
  });

  it.each([
    ['append', appendOf('c', 1, [0, 0], [1])],
    ['heartbeat', beatOf('c', 1)],
  ])('falls back to follower when it hears a leader of its own term: %s', (_, message) => {
    const bench = candidate();
    bench.step(message);
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: 'c', term: 1 });
    expect(bench.core.state.votedFor).toBe('a');
  });

  it('a late vote elects no one who follows already', () => {
    const bench = candidate();
    bench.step(appendOf('c', 1, [0, 0], []));
    bench.step(ballotOf('b', 1));
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: 'c' });
  });

  it('sends no proposals of its own into the log', () => {
    expect(candidate().core.propose(Uint8Array.of(1))).toBe('not-leader');
  });
});

describe('Raft paper 5.2: voters', () => {
  it.each([
    [null, 'b', true],
    [null, 'c', true],
    ['b', 'b', true],
    ['c', 'c', true],
    ['b', 'c', false],
    ['c', 'b', false],
    ['a', 'b', false],
  ])('that gave the vote of the term to %s gives it to %s: %s', (votedFor, from, granted) => {
    const bench = new CoreBench({ term: 1, votedFor });
    const [answer] = ofKind(bench.step(voteOf(from, 1)), 'vote-response');
    expect(answer).toMatchObject({ granted, term: 1, to: from, tornLog: false });
    expect(bench.store.hardState.votedFor).toBe(granted ? from : votedFor);
  });

  it('the vote is durable before the answer leaves', () => {
    const bench = new CoreBench();
    bench.core.step(voteOf('b', 1));
    bench.run();
    expect(bench.take()).toEqual([]);
    expect(bench.pending?.hardState).toEqual({ term: 1, votedFor: 'b' });
    bench.sync();
    expect(ofKind(bench.take(), 'vote-response')).toMatchObject([{ granted: true, term: 1 }]);
  });
});

describe('Raft paper 5.2 and 9.3: randomized timeouts', () => {
  const start = (role: 'follower' | 'candidate') => (random: () => number) => {
    const bench = new CoreBench({ options: wide, random });
    if (role === 'candidate') bench.core.campaign();
    else bench.step(appendOf('b', 1, [0, 0], []));
    bench.settle();
    expect(bench.core.state.role).toBe(role);
    return bench;
  };

  it.each(['follower', 'candidate'] as const)('a %s draws every timeout of its range', (role) => {
    const random = new Random(7);
    const elapsed = new Set<number>();
    for (let i = 0; i < 50 * electionTicks; i++) {
      const bench = start(role)(() => random.next());
      let ticks = 0;
      while (ofKind(bench.take(), 'vote').length === 0) {
        bench.core.tick();
        bench.run();
        while (bench.pending !== null) bench.sync();
        ticks++;
      }
      elapsed.add(ticks);
    }
    const range = Array.from({ length: electionTicks + 1 }, (_, i) => electionTicks + i);
    expect([...elapsed].sort((a, b) => a - b)).toEqual(range);
  });

  it.each(['follower', 'candidate'] as const)(
    'two of five %ss seldom time out together',
    (role) => {
      const random = new Random(3);
      let conflicts = 0;
      for (let round = 0; round < 1000; round++) {
        const benches = Array.from({ length: 5 }, () => start(role)(() => random.next()));
        const timeouts = benches
          .map(({ core }) => core.state.electionTimeout)
          .sort((a, b) => a - b);
        if (timeouts[0] === timeouts[1]) conflicts++;
      }
      // Twenty-one equally likely ticks: the two earliest of five meet in about a fifth of the rounds.
      expect(conflicts).toBeLessThan(300);
      expect(conflicts).toBeGreaterThan(0);
    },
  );

  it('a split vote is decided in the end', () => {
    const random = new Random(11);
    const options = { ...wide };
    const benches = ['a', 'b', 'c', 'd'].map(
      (id) =>
        new CoreBench({ id, members: ['a', 'b', 'c', 'd'], options, random: () => random.next() }),
    );
    const cluster = new CoreCluster(benches);
    for (const id of ['a', 'b']) cluster.get(id).core.campaign();
    expect(cluster.elect().core.state.term).toBeGreaterThan(0);
  });
});

describe('Raft paper 5.2 and figure 2: leaders', () => {
  it('announces itself at once, to everybody', () => {
    const bench = candidate();
    const sent = bench.step(ballotOf('b', 1));
    expect(ofKind(sent, 'append').map(({ to, term, prevIndex }) => [to, term, prevIndex])).toEqual([
      ['b', 1, 0],
      ['c', 1, 0],
    ]);
  });

  it('sends heartbeats in idle times, at the pace of its options', () => {
    const bench = new CoreBench().lead('b');
    bench.take();
    expect(ofKind(bench.tick(5), 'heartbeat').map(({ to, term }) => [to, term])).toEqual([
      ['b', 1],
      ['c', 1],
    ]);
    expect(ofKind(bench.tick(4), 'heartbeat')).toEqual([]);
    expect(ofKind(bench.tick(1), 'heartbeat')).toHaveLength(2);
  });

  it('needs no other member when it is alone', () => {
    const bench = new CoreBench({ members: ['a'] });
    bench.tick(electionTicks);
    expect(bench.core.state).toMatchObject({ role: 'leader', term: 1, commit: 1 });
  });

  it('a member of the smallest term can complete an election when its log allows it', () => {
    const benches = three.map(
      (id, i) => new CoreBench({ id, members: three, term: [5, 5, 2][i]!, log: i < 2 ? [] : [1] }),
    );
    const cluster = new CoreCluster(benches);
    cluster.down.add('a');
    expect(cluster.elect().id).toBe('c');
  });
});
