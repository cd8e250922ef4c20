import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, CoreCluster, electionTicks, ofKind } from './core-bench.ts';

const vote = { lastIndex: 0, lastTerm: 0, transfer: false } as const;

describe('Raft paper 5.1, terms', () => {
  it('adopts a higher term in every role and follows', () => {
    const follower = new CoreBench();
    const candidate = new CoreBench();
    candidate.tick(electionTicks);
    const leader = new CoreBench().lead('b');
    for (const bench of [follower, candidate, leader]) {
      bench.step(appendOf('c', 9, [0, 0], []));
      expect(bench.core.state).toMatchObject({ role: 'follower', term: 9, leader: 'c' });
    }
  });

  it('rejects a message of an old term and tells the own one', () => {
    const bench = new CoreBench({ term: 5 });
    const [answer] = ofKind(bench.step(appendOf('b', 4, [0, 0], [4])), 'append-response');
    expect(answer).toMatchObject({ term: 5, success: false });
    expect(bench.log).toEqual([]);
  });
});

describe('Raft paper 5.2, elections', () => {
  it('starts as a follower and asks for votes only after an election timeout', () => {
    const bench = new CoreBench();
    expect(bench.core.state.role).toBe('follower');
    expect(bench.tick(electionTicks - 1)).toEqual([]);
    expect(ofKind(bench.tick(1), 'pre-vote').map((m) => [m.to, m.term])).toEqual([
      ['b', 1],
      ['c', 1],
    ]);
    expect(bench.core.state.term).toBe(0);
  });

  it('raises its term and votes for itself after a won pre-vote, durably before it asks others', () => {
    const bench = new CoreBench();
    bench.tick(electionTicks);
    const answer = { from: 'b', to: 'a', term: 1, granted: true, tornLog: false } as const;
    bench.core.step({ kind: 'pre-vote-response', ...answer });
    bench.run();
    expect(bench.pending?.hardState).toEqual({ term: 1, votedFor: 'a' });
    expect(bench.take()).toEqual([]);
    bench.sync();
    expect(ofKind(bench.take(), 'vote').map((m) => m.to)).toEqual(['b', 'c']);
    expect(bench.core.state.role).toBe('candidate');
  });

  it('leads with the votes of a majority, and only then', () => {
    for (const [members, needed] of [
      [['a'], 0],
      [['a', 'b', 'c'], 1],
      [['a', 'b', 'c', 'd', 'e'], 2],
    ] as const) {
      const bench = new CoreBench({ members });
      bench.lead(...members.slice(1, 1 + needed));
      expect(bench.core.state.term).toBe(1);
      if (needed > 0) {
        const fewer = new CoreBench({ members });
        expect(() => fewer.lead(...members.slice(1, needed))).toThrow('did not become leader');
      }
    }
  });

  it('votes once in a term, first come first served, and again for the same candidate', () => {
    const bench = new CoreBench();
    const ask = (from: string) =>
      ofKind(bench.step({ kind: 'vote', from, to: 'a', term: 1, ...vote }), 'vote-response')[0];
    expect(ask('b')?.granted).toBe(true);
    expect(ask('c')?.granted).toBe(false);
    expect(ask('b')?.granted).toBe(true);
  });

  it('falls back to follower when it hears a leader of its term', () => {
    const bench = new CoreBench();
    bench.tick(electionTicks);
    const answer = { from: 'b', to: 'a', term: 1, granted: true, tornLog: false } as const;
    bench.step({ kind: 'pre-vote-response', ...answer });
    bench.step(appendOf('c', 1, [0, 0], [1]));
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: 'c', term: 1 });
  });

  it('draws the election timeout anew from its range', () => {
    const timeouts = new Set<number>();
    for (let i = 0; i < 10; i++) {
      const bench = new CoreBench({ options: { electionTicksMax: 2 * electionTicks } });
      Object.assign(bench.core.state, { random: () => i / 10 });
      bench.step(appendOf('c', 1, [0, 0], []));
      timeouts.add(bench.core.state.electionTimeout);
    }
    expect(Math.min(...timeouts)).toBe(electionTicks);
    expect(Math.max(...timeouts)).toBeLessThanOrEqual(2 * electionTicks);
    expect(timeouts.size).toBe(10);
  });

  it('sends heartbeats at the pace of its options', () => {
    const bench = new CoreBench().lead('b');
    bench.take();
    expect(ofKind(bench.tick(5), 'heartbeat').map((m) => m.to)).toEqual(['b', 'c']);
    expect(ofKind(bench.tick(4), 'heartbeat')).toEqual([]);
  });
});

describe('Raft paper 5.3, replication', () => {
  it('appends a proposal, sends it before its own disk is done, commits with a majority', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('b', 1);
    bench.core.propose(Uint8Array.of(7));
    bench.run();
    const [sent] = ofKind(bench.take(), 'append').filter((m) => m.entries.length > 0);
    expect(sent?.entries.map((entry) => entry.data[0])).toEqual([7]);
    expect(bench.pending?.entries.length).toBe(1);
    bench.sync();
    bench.acknowledge('b', 2);
    expect(bench.core.state.commit).toBe(2);
    expect(bench.applied.map((entry) => entry.index)).toEqual([1, 2]);
  });

  it('commits the entries of earlier leaders along with its own', () => {
    const bench = new CoreBench({ log: [1, 1, 2] }).lead('b');
    bench.acknowledge('b', 4);
    expect(bench.core.state.commit).toBe(4);
  });

  it('refuses an append whose previous entry it lacks, and hints where the logs may agree', () => {
    const bench = new CoreBench({ log: [1, 1, 2, 2] });
    const [answer] = ofKind(bench.step(appendOf('b', 5, [7, 4], [5])), 'append-response');
    expect(answer).toMatchObject({ success: false, index: 7, hintIndex: 4, hintTerm: 2 });
    const [earlier] = ofKind(bench.step(appendOf('b', 5, [4, 1], [5])), 'append-response');
    expect(earlier).toMatchObject({ success: false, index: 4, hintIndex: 2, hintTerm: 1 });
  });

  it.each([
    { name: 'missing entries', log: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
    { name: 'many missing entries', log: [1, 1, 1, 4] },
    { name: 'extra entries of the leader term before', log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
    { name: 'extra entries of a later term', log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
    { name: 'other entries', log: [1, 1, 1, 4, 4, 4, 4] },
    { name: 'other entries from early on', log: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
  ])('brings a follower level: $name (figure 7)', ({ log }) => {
    const members = ['a', 'b', 'c'];
    const leading = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const leader = new CoreBench({ members, log: leading, term: 7 });
    const follower = new CoreBench({ id: 'b', members, log, term: 7 });
    const third = new CoreBench({ id: 'c', members, log: leading, term: 7 });
    const cluster = new CoreCluster([leader, follower, third]);
    leader.core.campaign();
    cluster.deliver();
    cluster.tick(10);
    expect(cluster.leaders.map((bench) => bench.id)).toEqual(['a']);
    expect(follower.log).toEqual([...leading, 8]);
    expect(follower.core.state.commit).toBe(11);
  });

  it('a follower learns the commit index and applies in order', () => {
    const bench = new CoreBench();
    bench.step(appendOf('b', 1, [0, 0], [1, 1, 1], 2));
    expect(bench.applied.map((entry) => entry.index)).toEqual([1, 2]);
  });

  it('uses conflict-term hints of both sides instead of one step at a time', () => {
    const log = [1, ...Array.from({ length: 40 }, () => 2)];
    const leading = [1, ...Array.from({ length: 40 }, () => 3)];
    const members = ['a', 'b', 'c'];
    const leader = new CoreBench({ members, log: leading, term: 3 });
    const follower = new CoreBench({ id: 'b', members, log, term: 3 });
    const third = new CoreBench({ id: 'c', members, log: leading, term: 3 });
    const cluster = new CoreCluster([leader, follower, third]);
    let refusals = 0;
    cluster.drop = (m) => {
      if (m.kind === 'append-response' && !m.success) refusals++;
      return false;
    };
    leader.core.campaign();
    cluster.deliver();
    expect(follower.log).toEqual([...leading, 4]);
    expect(refusals).toBeLessThanOrEqual(3);
  });
});

describe('Raft paper 5.4, safety', () => {
  it('votes only for a log that is at least as up to date', () => {
    const ask = (lastIndex: number, lastTerm: number) => {
      const bench = new CoreBench({ log: [1, 2, 2] });
      const request = {
        from: 'b',
        to: 'a',
        term: 5,
        lastIndex,
        lastTerm,
        transfer: false,
      } as const;
      return ofKind(bench.step({ kind: 'vote', ...request }), 'vote-response')[0]?.granted;
    };
    expect(ask(3, 2)).toBe(true);
    expect(ask(1, 3)).toBe(true);
    expect(ask(2, 2)).toBe(false);
    expect(ask(9, 1)).toBe(false);
  });

  it('commits by counting only entries of its own term', () => {
    const bench = new CoreBench({ members: ['a', 'b', 'c'], log: [1, 2] }).lead('b');
    bench.acknowledge('b', 2);
    expect(bench.core.state.commit).toBe(0);
    bench.acknowledge('b', 3);
    expect(bench.core.state.commit).toBe(3);
  });
});

describe('dissertation 6.2 and 9.6, quorum and stickiness', () => {
  it('a leader without a quorum for an election timeout steps down', () => {
    const bench = new CoreBench().lead('b');
    bench.tick(electionTicks + 2);
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: null });
  });

  it('does not help to replace a leader that it hears', () => {
    const bench = new CoreBench();
    bench.step(appendOf('b', 1, [0, 0], []));
    const request = { from: 'c', to: 'a', term: 9, lastIndex: 99, lastTerm: 8 } as const;
    expect(bench.step({ kind: 'vote', ...request, transfer: false })).toEqual([]);
    expect(bench.core.state.term).toBe(1);
    bench.step({ kind: 'vote', ...request, transfer: true });
    expect(bench.core.state).toMatchObject({ term: 9, votedFor: 'c' });
  });
});
