import { describe, expect, it } from 'vitest';
import { CoreBench, CoreCluster, ofKind } from '../unit/core-bench.ts';
import { preVoteOf, voteOf } from '../unit/core-messages.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

describe('Raft paper 5.4.1: the election restriction', () => {
  it('a candidate tells where its log ends', () => {
    for (const log of [[1], [1, 2, 2]]) {
      const bench = new CoreBench({ log, options: { preVote: false } });
      bench.core.campaign();
      const [asked] = ofKind(bench.settle(), 'vote');
      expect(asked).toMatchObject({ lastIndex: log.length, lastTerm: log.at(-1) });
    }
  });

  it.each([
    [[1], [1, 1], true],
    [[1], [2, 1], true],
    [[1, 1], [1, 1], false],
    [[1], [1, 2], true],
    [[1], [2, 2], true],
    [[1, 1], [1, 2], true],
    [[2], [1, 1], false],
    [[2], [2, 1], false],
    [[2, 1], [1, 1], false],
    [[1, 2, 2], [9, 1], false],
    [[], [0, 0], true],
  ] as const)(
    'with log %j, a log that ends at %j gets vote and pre-vote: %s',
    (log, last, granted) => {
      const sorted = [...log].sort();
      for (const kind of ['vote', 'pre-vote'] as const) {
        const bench = new CoreBench({ log: sorted, term: 2 });
        const request = kind === 'vote' ? voteOf('b', 3, last) : preVoteOf('b', 3, last);
        const [answer] = ofKind(bench.step(request), `${kind}-response`);
        expect(answer?.granted).toBe(granted);
      }
    },
  );

  it('newer logs that are not committed may be overwritten by an elected leader', () => {
    // c was cut off while it led term 2; d and e voted there. a has committed nothing of that.
    const logs = { a: [1], b: [1], c: [2], d: [], e: [] };
    const benches = five.map((id) => {
      const voted = id === 'a' || id === 'b' ? { term: 1 } : { term: 2, votedFor: 'c' };
      return new CoreBench({ id, members: five, log: logs[id as 'a'], ...voted });
    });
    const cluster = new CoreCluster(benches);
    cluster.get('a').core.campaign();
    cluster.deliver();
    // Refused by those of the higher term, it learns that term and wins the next one.
    cluster.get('a').core.campaign();
    cluster.deliver();
    cluster.tick(10);
    expect(cluster.leaders.map(({ id }) => id)).toEqual(['a']);
    for (const bench of benches) expect(bench.log).toEqual([1, 3]);
  });
});

describe('Raft paper 5.4.2: commitment of earlier terms', () => {
  it.each([
    [[1, 2], 1, 0],
    [[1, 2], 2, 0],
    [[1, 2], 3, 3],
  ])('with log %j in term 3, a majority that holds %i commits %i', (log, index, commit) => {
    const bench = new CoreBench({ log, term: 2 }).lead('b');
    bench.acknowledge('b', index);
    expect(bench.core.state.commit).toBe(commit);
  });

  it('figure 8: an entry of an old term on a majority may still be overwritten', () => {
    // (c): s1 leads term 4 and has copied index 2 of term 2 to s3, which makes a majority.
    const s1 = new CoreBench({ members: five, log: [1, 2], term: 3 }).lead('b', 'c', 'd');
    s1.acknowledge('b', 2);
    s1.acknowledge('c', 2);
    expect(s1.core.state.commit).toBe(0);
    // (d): s5 with index 2 of term 3 may still be elected by s2, s3 and s4.
    for (const [id, log] of [
      ['b', [1, 2]],
      ['c', [1, 2]],
      ['d', [1]],
    ] as const) {
      const voter = new CoreBench({ id, members: five, log, term: 4 });
      const request = voteOf('e', 5, [2, 3], { to: id });
      expect(ofKind(voter.step(request), 'vote-response')[0]?.granted).toBe(true);
    }
    // (e): with an entry of term 4 on a majority s5 can not win any more, and both entries are committed.
    s1.acknowledge('b', 3);
    s1.acknowledge('c', 3);
    expect(s1.core.state.commit).toBe(3);
    const voter = new CoreBench({ id: 'b', members: five, log: [1, 2, 4] });
    const refused = ofKind(voter.step(voteOf('e', 5, [2, 3], { to: 'b' })), 'vote-response');
    expect(refused[0]?.granted).toBe(false);
  });
});

describe('Raft paper 5.5: crashes', () => {
  it('requests may be repeated without harm', () => {
    const bench = new CoreBench();
    const answers = [1, 2].map(() => bench.step(voteOf('b', 1)));
    expect(answers[0]).toEqual(answers[1]);
  });

  it('term, vote and log survive a crash; commit and role are learned anew', () => {
    const before = new CoreBench({ log: [1, 1] }).lead('b');
    before.acknowledge('b', 3);
    const { hardState } = before.store;
    expect(hardState).toEqual({ term: 2, votedFor: 'a' });
    const after = new CoreBench({ log: [1, 1, 2], ...hardState });
    expect(after.core.state).toMatchObject({
      role: 'follower',
      term: 2,
      votedFor: 'a',
      commit: 0,
      leader: null,
    });
    expect(ofKind(after.step(voteOf('b', 2, [3, 2])), 'vote-response')[0]?.granted).toBe(false);
  });

  it('a member that restarts does not apply again what its state machine holds', () => {
    const bench = new CoreBench({ log: [1, 1, 1], applied: 2 });
    expect(bench.core.state).toMatchObject({ commit: 2, applied: 2 });
    bench.settle();
    expect(bench.applied).toEqual([]);
  });
});
