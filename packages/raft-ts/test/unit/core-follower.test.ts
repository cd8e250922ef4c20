import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { appendOf, CoreBench, electionTicks, ofKind } from './core-bench.ts';
import {
  ackOf,
  beatAckOf,
  beatOf,
  preBallotOf,
  preVoteOf,
  snapshotAt,
  snapshotOf,
  timeoutNowOf,
  voteOf,
} from './core-messages.ts';

/** Term 1 is durable, and the append of the first entry is in flight. */
function writing(): CoreBench {
  const bench = new CoreBench({ term: 1 });
  bench.core.step(appendOf('b', 1, [0, 0], [1]));
  bench.run();
  expect(bench.pending).not.toBeNull();
  expect(bench.take()).toEqual([]);
  return bench;
}

describe('what a follower answers while its disk is busy', () => {
  it.each([
    ['a heartbeat', beatOf('b', 1), beatAckOf('a', 1)],
    [
      'a request that does not fit',
      appendOf('b', 1, [5, 1], []),
      ackOf('a', 1, 5, { success: false, hintIndex: 1, hintTerm: 1 }),
    ],
    ['a leader of an old term', beatOf('b', 0), ackOf('a', 1, 0, { success: false })],
  ])('%s at once: that promises nothing about the log', (_, message, answer) => {
    const bench = writing();
    bench.core.step(message);
    bench.run();
    expect(bench.take()).toEqual([{ ...answer, to: 'b' }]);
  });

  it('a vote request of the same term at once, when it is refused', () => {
    const bench = writing();
    bench.core.step(voteOf('c', 1, [9, 1], { transfer: true }));
    bench.run();
    expect(ofKind(bench.take(), 'vote-response')).toMatchObject([{ to: 'c', granted: false }]);
  });

  it('a pre-vote at once, also while a new term is not durable', () => {
    const bench = new CoreBench({ options: { checkQuorum: false } });
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    bench.core.step(preVoteOf('c', 2, [9, 1]));
    bench.run();
    expect(bench.take()).toMatchObject([{ kind: 'pre-vote-response', to: 'c', granted: true }]);
  });

  it('asks for pre-votes at once, also while a new term is not durable', () => {
    const bench = new CoreBench();
    bench.core.step(beatOf('b', 1));
    bench.run();
    expect(bench.take()).toEqual([]);
    bench.core.campaign();
    bench.run();
    expect(ofKind(bench.take(), 'pre-vote')).toHaveLength(2);
  });

  it('what is durable already is acknowledged again at once', () => {
    const bench = new CoreBench({ log: [1], term: 1 });
    bench.core.step(appendOf('b', 1, [1, 1], [1]));
    bench.run();
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    expect(bench.take()).toMatchObject([{ success: true, index: 1 }]);
  });

  it('what comes again is acknowledged again when it is durable', () => {
    const bench = writing();
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    expect(bench.take()).toEqual([]);
    bench.sync();
    expect(bench.take()).toMatchObject([
      { success: true, index: 1 },
      { success: true, index: 1 },
    ]);
  });

  /** Entry 1 is being written, 2 of the leader of term 1 waits, and was asked for. */
  function waiting(): CoreBench {
    const bench = writing();
    bench.core.step(appendOf('b', 1, [1, 1], [1]));
    bench.run();
    return bench;
  }

  it('that what was cut meanwhile is here is never said', () => {
    const bench = waiting();
    bench.core.step(appendOf('c', 2, [1, 1], [2]));
    expect(bench.settle()).toMatchObject([
      { to: 'b', term: 1, success: true, index: 1 },
      { to: 'c', term: 2, success: true, index: 2 },
    ]);
  });

  it('nor when a snapshot took the place of the log', () => {
    const bench = waiting();
    const answers = [...bench.step(snapshotOf('c', 2, [1, 2])), ...bench.restore()];
    expect(ofKind(answers, 'append-response').map(({ to, index }) => [to, index])).toEqual([
      ['b', 1],
      ['c', 1],
    ]);
  });

  it('one answer to a request, also to one that begins in what is committed', () => {
    const bench = new CoreBench({ log: [1, 1, 1], applied: 2 });
    expect(bench.step(appendOf('b', 1, [1, 1], [1, 1]))).toMatchObject([
      { kind: 'append-response', success: true, index: 2 },
    ]);
  });
});

describe('what a follower believes', () => {
  it('what one leader vouched for proves nothing to the next one, even when a candidacy lay between', () => {
    const bench = new CoreBench({ log: [1, 1, 1], options: { preVote: false } });
    bench.step(appendOf('b', 1, [3, 1], []));
    bench.tick(electionTicks);
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 2, commit: 0 });
    bench.step(beatOf('c', 2, 3));
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: 'c', commit: 0 });
    bench.step(appendOf('c', 2, [2, 1], []));
    bench.step(beatOf('c', 2, 3));
    expect(bench.core.state.commit).toBe(2);
  });

  it('a leader that was heard again keeps what it vouched for', () => {
    const bench = new CoreBench({ log: [1, 1, 1] });
    bench.step(appendOf('b', 2, [2, 1], []));
    bench.step(beatOf('b', 2, 0));
    bench.step(beatOf('b', 2, 3));
    expect(bench.core.state.commit).toBe(2);
  });
});

describe('a follower and snapshots', () => {
  it('hears its leader in one', () => {
    const bench = new CoreBench({ log: [1, 1, 1] });
    bench.step(beatOf('b', 1));
    bench.tick(10);
    bench.step(snapshotOf('b', 1, [3, 1]));
    expect(bench.core.state).toMatchObject({ electionElapsed: 0, leader: 'b', commit: 3 });
  });

  it('keeps its leader when one of a former leader comes late', () => {
    const bench = new CoreBench({ log: [1, 1, 1], term: 5 });
    bench.step(beatOf('b', 5));
    bench.step(snapshotOf('c', 4, [9, 4]));
    expect(bench.core.state).toMatchObject({ leader: 'b', term: 5, commit: 9 });
  });

  it('gives up a candidacy for one of a former leader', () => {
    const bench = new CoreBench({ log: [1, 1, 1], term: 5, options: { preVote: false } });
    bench.tick(electionTicks);
    expect(bench.core.state).toMatchObject({ role: 'candidate', term: 6 });
    bench.step(snapshotOf('c', 4, [9, 4]));
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 6, commit: 9 });
  });

  it('tells whether the content of one would be news', () => {
    const bench = new CoreBench({ log: [1, 1, 2, 2], applied: 2 });
    const holds = (...last: [number, number]) => bench.core.holds(snapshotAt(last));
    expect([holds(1, 1), holds(2, 1), holds(3, 2), holds(3, 1), holds(5, 2)]).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    const lost = new CoreBench({ log: [1, 1, 1, 1], compacted: 2 });
    expect(lost.core.holds(snapshotAt([1, 1]))).toBe(false);
    expect(lost.core.holds(snapshotAt([3, 1]))).toBe(false);
  });
});

describe('the configuration at the start', () => {
  const base = initialConfig({ a: 'a', b: 'b', c: 'c' });
  const older = { ...base, learners: ['d'] };
  const newer = { ...base, learners: ['d', 'e'] };
  const log = [1, 1, 1, 1, 1];

  it("is the state machine's, unless the snapshot is newer than its state", () => {
    const snapshot = snapshotAt([3, 1], { config: newer, configIndex: 2 });
    const start = (applied: number, isConfigApplied: boolean) =>
      new CoreBench({ log, snapshot, config: older, applied, isConfigApplied }).core.state.configs;
    expect(start(2, true).current).toEqual(newer);
    expect(start(3, true).current).toEqual(older);
    expect(start(4, true).current).toEqual(older);
    expect(start(2, false).current).toEqual(newer);
    expect(start(4, false).current).toEqual(newer);
    expect(start(4, false).currentIndex).toBe(2);
  });

  it("what stands in the log up to the state machine's applied index is in its configuration", () => {
    const configs = new Map([[2, older]]);
    const config = newer;
    const bench = new CoreBench({ log, configs, config, applied: 3, isConfigApplied: true });
    expect(bench.core.state.configs).toMatchObject({ current: newer, currentIndex: 3 });
  });

  it("what stands in the log up to the snapshot is in the snapshot's, also when the log begins later", () => {
    const configs = new Map([
      [2, older],
      [5, newer],
    ]);
    const snapshot = snapshotAt([3, 1], { config: older, configIndex: 2 });
    const whole = new CoreBench({ log, configs, snapshot });
    expect(whole.core.state.configs).toMatchObject({ current: newer, currentIndex: 5 });
    const cut = new CoreBench({ log, configs, snapshot, compacted: 4, applied: 4 });
    expect(cut.core.state.configs).toMatchObject({ current: newer, currentIndex: 5 });
  });

  it('what was applied is in the log or in the snapshot, or the member does not start', () => {
    expect(() => new CoreBench({ applied: 1 })).toThrow('end before the applied index');
    expect(() => new CoreBench({ log, applied: 6 })).toThrow('end before the applied index');
    const snapshot = snapshotAt([6, 1]);
    expect(new CoreBench({ log, applied: 6, snapshot }).core.state.commit).toBe(6);
  });

  it('the applied one is that of the applied index', () => {
    const configs = new Map([
      [1, older],
      [4, newer],
    ]);
    const bench = new CoreBench({ log, configs, applied: 2 });
    expect(bench.core.state.configs.applied).toEqual({ index: 1, config: older });
    const lost = new CoreBench({ log, configs: new Map([[4, newer]]), compacted: 3 });
    lost.settle();
    lost.step(snapshotOf('b', 1, [5, 1], { config: newer, configIndex: 4 }));
    expect(lost.restoring).toMatchObject({ lastIndex: 5 });
    lost.restore();
    expect(lost.core.state.configs.applied).toEqual({ index: 4, config: newer });
  });

  it('B14: one that is cut off is told to the driver as changed', () => {
    const bench = new CoreBench({ log: [1, 1], configs: new Map([[2, older]]) });
    bench.settle();
    bench.core.step(appendOf('c', 2, [1, 1], []));
    bench.core.step(appendOf('c', 2, [1, 1], [2]));
    const told = bench.run().flatMap(({ config }) => (config === null ? [] : [config]));
    expect(told).toEqual([base]);
  });
});

describe('candidacies', () => {
  it('a pre-candidate asks again after a full timeout, not before', () => {
    const bench = new CoreBench();
    expect(ofKind(bench.tick(electionTicks), 'pre-vote')).toHaveLength(2);
    expect(bench.tick(electionTicks - 1)).toEqual([]);
    expect(ofKind(bench.tick(1), 'pre-vote')).toHaveLength(2);
  });

  it('a candidate knows no leader, whoever asked it to stand', () => {
    const bench = new CoreBench({ log: [1] });
    bench.step(beatOf('b', 1));
    bench.step(timeoutNowOf('b', 1, [1, 1]));
    expect(bench.core.state).toMatchObject({ role: 'candidate', leader: null });
    const pre = new CoreBench({ log: [1] });
    pre.step(beatOf('b', 1));
    pre.core.campaign();
    expect(pre.core.state).toMatchObject({ role: 'pre-candidate', leader: null });
  });

  it('L3 torn: its own vote does not make a majority, nor does that of another torn member', () => {
    const torn = new CoreBench({ log: [1], term: 1, votedFor: 'b', tornLog: true });
    expect(torn.core.state).toMatchObject({ term: 2, votedFor: null });
    torn.tick(electionTicks);
    torn.step(preBallotOf('b', 3));
    expect(torn.core.state.role).toBe('pre-candidate');
    torn.step(preBallotOf('c', 3));
    expect(torn.core.state.role).toBe('candidate');

    const whole = new CoreBench({ log: [1], term: 1 });
    whole.tick(electionTicks);
    whole.step(preBallotOf('b', 2, { tornLog: true }));
    expect(whole.core.state.role).toBe('pre-candidate');
    whole.step(preBallotOf('c', 2, { tornLog: true }));
    expect(whole.core.state.role).toBe('candidate');
  });

  it('L3 torn: asks first even where pre-vote is off', () => {
    const torn = new CoreBench({ log: [1], tornLog: true, options: { preVote: false } });
    expect(ofKind(torn.tick(electionTicks), 'pre-vote')).toHaveLength(2);
  });

  it('L5 loop delay: three may be forgone again after one that was not', () => {
    const bench = new CoreBench();
    const isForgone = (): boolean => {
      for (let i = 1; i < electionTicks; i++) expect(bench.core.tick()).toBe(false);
      return bench.core.tick(false);
    };
    const rounds = Array.from({ length: 8 }, isForgone);
    expect(rounds).toEqual([true, true, true, false, true, true, true, false]);
  });

  it('L5 loop delay: nothing is forgone by who leads or may not stand', () => {
    const leader = new CoreBench({ members: ['a'] }).lead();
    const config = { ...initialConfig({ b: 'b' }), learners: ['a'] };
    const learner = new CoreBench({ config });
    for (const { core } of [leader, learner]) {
      for (let i = 0; i < 3 * electionTicks; i++) expect(core.tick(false)).toBe(false);
    }
  });
});

describe('B30 strangers', () => {
  it.each([
    ['equal', [3, 2], false],
    ['longer in the last term', [4, 2], true],
    ['longer and older', [9, 1], false],
    ['shorter and newer', [1, 3], true],
    ['shorter', [2, 2], false],
  ] as const)('one whose log is %s than ours is answered: %s', (_, last, isAnswered) => {
    const bench = new CoreBench({ log: [1, 2, 2] });
    const answers = bench.step(voteOf('x', 9, last));
    expect(answers).toHaveLength(isAnswered ? 1 : 0);
    expect(bench.core.state.term).toBe(isAnswered ? 9 : 2);
  });
});

describe('what the driver may ask', () => {
  it('whether there is a quorum, up to the smallest election timeout and not longer', () => {
    const options = { electionTicksMax: 3 * electionTicks };
    const bench = new CoreBench({ options, random: () => 0.9 });
    bench.step(beatOf('b', 1));
    bench.tick(electionTicks - 1);
    expect(bench.core.hasQuorum).toBe(true);
    bench.tick(1);
    expect(bench.core.hasQuorum).toBe(false);
  });

  it('the generation, which an empty log does not have', () => {
    expect(new CoreBench().core.generation).toBeNull();
    const { generation } = initialConfig({ a: 'a' });
    expect(new CoreBench({ log: [1] }).core.generation).toBe(generation);
    const config = { ...initialConfig({ a: 'a', b: 'b' }), generation: 7 };
    expect(new CoreBench({ log: [1, 1], config }).core.generation).toBe(7);
  });

  it('compaction shows in the log, and only of what is applied', () => {
    const bench = new CoreBench({ log: [1, 1, 1], applied: 2 });
    bench.core.compact(2);
    expect(bench.core.state.log.compacted).toEqual({ index: 2, term: 1 });
    expect(() => bench.core.compact(3)).toThrow('not applied');
  });

  it('nothing is ready when nothing has happened', () => {
    const bench = new CoreBench();
    bench.settle();
    expect(bench.core.hasReady()).toBe(false);
    bench.core.tick();
    expect(bench.core.hasReady()).toBe(false);
    expect(bench.core.ready()).toEqual({
      send: [],
      append: null,
      apply: [],
      restore: null,
      snapshotsDue: [],
      readStates: [],
      softState: null,
      config: null,
    });
  });

  it('the first ready says who the member is and which configuration holds', () => {
    const { core } = new CoreBench({ term: 4 });
    expect(core.hasReady()).toBe(true);
    expect(core.ready()).toMatchObject({
      softState: { role: 'follower', leader: null, term: 4 },
      config: { voters: ['a', 'b', 'c'] },
    });
  });
});
