import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { appendOf, CoreBench, ofKind } from '../unit/core-bench.ts';
import {
  ackOf,
  beatAckOf,
  beatOf,
  refusalOf,
  snapshotAt,
  snapshotOf,
  voteOf,
} from '../unit/core-messages.ts';

const ones = (count: number): number[] => Array.from({ length: count }, () => 1);

/** A leader of term 2 whose log begins behind 10 and ends at 13; b is level, c lives and is far behind. */
function leaderBehindCompaction(): CoreBench {
  const bench = new CoreBench({ log: ones(12), applied: 12 }).lead('b');
  bench.acknowledge('b', 13);
  bench.core.compact(10);
  bench.core.step(beatAckOf('c', 2));
  bench.take();
  return bench;
}

/** As above, and c has refused until nothing but a snapshot is left. */
function leaderThatOwesSnapshot(): CoreBench {
  const bench = leaderBehindCompaction();
  bench.step(refusalOf('c', 2, 12, [0, 0]));
  bench.step(refusalOf('c', 2, 10, [0, 0]));
  return bench;
}

const progressOf = (bench: CoreBench, id: string) => bench.core.state.progress.get(id)!;

describe('Raft paper 7: a leader whose log no longer reaches a member', () => {
  it('slow_follower_after_compaction: probes it, and then asks for a snapshot, once', () => {
    const bench = leaderBehindCompaction();
    const probed = ofKind(bench.step(refusalOf('c', 2, 12, [0, 0])), 'append');
    expect(probed.map(({ to, prevIndex }) => [to, prevIndex])).toEqual([['c', 10]]);
    expect(bench.due).toEqual([]);
    const sent = bench.step(refusalOf('c', 2, 10, [0, 0]));
    expect(ofKind(sent, 'append')).toEqual([]);
    expect(bench.due).toEqual([{ to: 'c', from: 10 }]);
    expect(bench.core.members().find(({ id }) => id === 'c')?.needsSnapshot).toBe(true);
    bench.core.propose(Uint8Array.of(1));
    expect(ofKind(bench.settle(), 'append').map(({ to }) => to)).toEqual(['b']);
    const beats = ofKind(bench.tick(5), 'heartbeat').map(({ to, commit }) => [to, commit]);
    expect(beats).toEqual([
      ['b', 13],
      ['c', 0],
    ]);
    bench.step(beatAckOf('c', 2));
    expect(bench.due).toHaveLength(1);
  });

  it('asks for none to a member that is silent', () => {
    const bench = leaderBehindCompaction();
    for (let i = 0; i < 25; i++) {
      bench.tick(1);
      bench.step(beatAckOf('b', 2));
    }
    const peer = progressOf(bench, 'c');
    peer.becomeProbe();
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    expect(peer.state).toBe('snapshot');
    expect(bench.due).toEqual([]);
    bench.step(beatAckOf('c', 2));
    expect(bench.due).toEqual([{ to: 'c', from: 10 }]);
  });

  it('snapshot_succeed_via_app_resp: the answer alone brings it back to replication', () => {
    const bench = leaderThatOwesSnapshot();
    bench.core.snapshotChosen('c', snapshotAt([12, 1]));
    const sent = ofKind(bench.step(ackOf('c', 2, 12)), 'append');
    expect(progressOf(bench, 'c').state).toBe('replicate');
    expect(sent[0]).toMatchObject({ to: 'c', prevIndex: 12, entries: [{ index: 13 }] });
    // What the transfer comes to afterwards changes nothing.
    bench.core.reportSnapshot('c', false);
    expect(progressOf(bench, 'c')).toMatchObject({ state: 'replicate', match: 12 });
  });

  it('snapshot_succeed_via_app_resp_behind: an older snapshot will do if the log goes on there', () => {
    const bench = leaderThatOwesSnapshot();
    bench.core.snapshotChosen('c', snapshotAt([12, 1]));
    const sent = ofKind(bench.step(ackOf('c', 2, 10)), 'append');
    expect(progressOf(bench, 'c').state).toBe('replicate');
    expect(sent[0]).toMatchObject({ to: 'c', prevIndex: 10 });
  });

  it('an answer from before the log is not enough', () => {
    const bench = leaderThatOwesSnapshot();
    progressOf(bench, 'c').next = 3;
    expect(ofKind(bench.step(ackOf('c', 2, 9)), 'append')).toEqual([]);
    expect(progressOf(bench, 'c')).toMatchObject({ state: 'snapshot', match: 9, next: 10 });
  });

  it('after the transfer the log behind the snapshot is tried, with the next sign of life', () => {
    const bench = leaderThatOwesSnapshot();
    bench.core.snapshotChosen('c', snapshotAt([12, 1]));
    bench.core.reportSnapshot('c', true);
    expect(ofKind(bench.settle(), 'append')).toEqual([]);
    const sent = ofKind(bench.step(beatAckOf('c', 2)), 'append');
    expect(sent.map(({ to, prevIndex }) => [to, prevIndex])).toEqual([['c', 12]]);
  });

  it('a failed transfer is due again only with the next sign of life', () => {
    const bench = leaderThatOwesSnapshot();
    bench.core.snapshotChosen('c', snapshotAt([12, 1]));
    bench.core.reportSnapshot('c', false);
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    expect(bench.due).toHaveLength(1);
    bench.step(beatAckOf('c', 2));
    expect(bench.due).toEqual([
      { to: 'c', from: 10 },
      { to: 'c', from: 10 },
    ]);
  });

  it('keeps the log for a snapshot on its way, as long as the receiver lives', () => {
    const bench = leaderThatOwesSnapshot();
    expect(bench.core.snapshotFloor).toBe(Number.POSITIVE_INFINITY);
    bench.core.snapshotChosen('c', snapshotAt([11, 1]));
    expect(bench.core.snapshotFloor).toBe(11);
    bench.core.reportSnapshot('c', true);
    expect(bench.core.snapshotFloor).toBe(11);
    for (let i = 0; i < 25; i++) {
      bench.tick(1);
      bench.step(beatAckOf('b', 2));
    }
    expect(bench.core.snapshotFloor).toBe(Number.POSITIVE_INFINITY);
    bench.step(beatAckOf('c', 2));
    expect(bench.core.snapshotFloor).toBe(11);
    bench.step(ackOf('c', 2, 11));
    expect(bench.core.snapshotFloor).toBe(Number.POSITIVE_INFINITY);
  });

  it('forgets what was due when it no longer leads', () => {
    const bench = leaderBehindCompaction();
    bench.core.step(refusalOf('c', 2, 12, [0, 0]));
    bench.settle();
    bench.core.step(refusalOf('c', 2, 10, [0, 0]));
    bench.core.state.progress.get('c')!.becomeSnapshot();
    bench.core.step(beatOf('b', 5));
    bench.run();
    expect(bench.due).toEqual([]);
  });
});

describe('Raft paper 7: a member that gets a snapshot', () => {
  it('resets its log, then restores its state, and only then answers', () => {
    const bench = new CoreBench({ log: [1, 1], applied: 2 });
    bench.core.step(snapshotOf('b', 3, [9, 2]));
    bench.run();
    expect(bench.pending).toMatchObject({
      hardState: { term: 3 },
      reset: { index: 9, term: 2 },
      entries: [],
    });
    expect(bench.restoring).toBeNull();
    bench.sync();
    expect(bench.restoring).toMatchObject({ lastIndex: 9 });
    expect(ofKind(bench.take(), 'append-response')).toEqual([]);
    expect(bench.core.state).toMatchObject({ commit: 9, applied: 2, matched: 9 });
    const answers = ofKind(bench.restore(), 'append-response');
    expect(answers).toEqual([ackOf('a', 3, 9, { to: 'b' })]);
    expect(bench.core.state).toMatchObject({ commit: 9, applied: 9, applying: 9 });
    expect(bench.core.state.log).toMatchObject({ lastIndex: 9, lastTerm: 2, stableIndex: 9 });
  });

  it('applies nothing while it restores, and goes on behind the snapshot', () => {
    const bench = new CoreBench({ log: [1, 1], applied: 0 });
    bench.step(snapshotOf('b', 3, [9, 2]));
    bench.step(appendOf('b', 3, [9, 2], [3, 3], 11));
    expect(bench.applied).toEqual([]);
    bench.restore();
    expect(bench.applied.map(({ index }) => index)).toEqual([10, 11]);
  });

  it('forgets what was handed out to apply: the snapshot holds it', () => {
    const bench = new CoreBench({ log: [1, 1, 1] });
    bench.core.step(beatOf('b', 1, 3));
    const { apply } = bench.core.ready();
    expect(apply).toHaveLength(3);
    bench.step(snapshotOf('b', 3, [9, 2]));
    expect(bench.core.state).toMatchObject({ applied: 0, applying: 0 });
    bench.restore();
    expect(bench.core.state).toMatchObject({ applied: 9, applying: 9 });
  });

  it('does nothing with one that it holds already, but says how far it is', () => {
    const bench = new CoreBench({ log: ones(12), applied: 11 });
    const answers = bench.step(snapshotOf('b', 1, [10, 1]));
    expect(answers).toEqual([ackOf('a', 1, 11, { to: 'b' })]);
    expect(bench.restoring).toBeNull();
    expect(bench.core.state.log.lastIndex).toBe(12);
  });

  it('camunda#6092: keeps the log behind an entry that matches, and needs no restoration', () => {
    const bench = new CoreBench({ log: [1, 1, 2, 2, 2], applied: 1 });
    bench.core.step(snapshotOf('b', 3, [3, 2]));
    const readies = bench.run();
    expect(readies.every(({ append }) => (append?.reset ?? null) === null)).toBe(true);
    const answers = ofKind(bench.settle(), 'append-response');
    expect(answers).toEqual([ackOf('a', 3, 3, { to: 'b' })]);
    expect(bench.core.state).toMatchObject({ commit: 3, applied: 3 });
    expect(bench.log).toEqual([1, 1, 2, 2, 2]);
    expect(bench.restoring).toBeNull();
  });

  it('answers what matches only when it is durable', () => {
    const bench = new CoreBench();
    bench.core.step(appendOf('b', 1, [0, 0], [1, 1, 1]));
    bench.run();
    bench.core.step(snapshotOf('b', 1, [2, 1]));
    bench.run();
    expect(ofKind(bench.take(), 'append-response')).toEqual([]);
    expect(ofKind(bench.settle(), 'append-response')).toHaveLength(2);
  });

  it('an append in flight that was superseded never counts as durable', () => {
    const bench = new CoreBench();
    bench.core.step(appendOf('b', 1, [0, 0], [1, 1, 1]));
    bench.run();
    bench.core.step(snapshotOf('c', 3, [2, 2]));
    bench.run();
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(0);
    expect(bench.pending).toMatchObject({ reset: { index: 2, term: 2 }, entries: [] });
    expect(bench.restoring).toBeNull();
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(2);
    expect(bench.restoring).toMatchObject({ lastIndex: 2 });
  });

  it('a newer one that comes during the restoration is taken up after it', () => {
    const bench = new CoreBench({ log: [1] });
    bench.step(snapshotOf('b', 3, [9, 2]));
    bench.step(snapshotOf('b', 3, [20, 3]));
    expect(bench.restoring).toMatchObject({ lastIndex: 9 });
    bench.restore();
    expect(bench.restoring).toMatchObject({ lastIndex: 20 });
    expect(bench.applied).toEqual([]);
    const [answer] = ofKind(bench.restore(), 'append-response');
    expect(answer).toMatchObject({ success: true, index: 20 });
  });

  it('one of a leader that was deposed meanwhile is taken up all the same: it is current on the disk', () => {
    const bench = new CoreBench({ log: [1], term: 7 });
    const answers = ofKind(bench.step(snapshotOf('b', 3, [9, 2])), 'append-response');
    expect(answers).toEqual([ackOf('a', 7, 0, { to: 'b', success: false })]);
    expect(bench.core.state).toMatchObject({ term: 7, leader: null, commit: 9 });
    expect(bench.restoring).toMatchObject({ lastIndex: 9 });
    expect(bench.restore()).toEqual([]);
  });

  it('a candidate gives way to it, also to a late one, and a leader needs none', () => {
    const candidate = new CoreBench({ log: [1] });
    candidate.tick(20);
    candidate.step(snapshotOf('b', 1, [9, 1]));
    expect(candidate.core.state).toMatchObject({ role: 'follower', commit: 9 });
    const leader = new CoreBench({ log: [1, 1, 1] }).lead('b');
    leader.step(snapshotOf('c', 1, [2, 1]));
    expect(leader.core.state).toMatchObject({ role: 'leader', commit: 0 });
  });

  it('hears its leader in it, and is more up to date for it in elections', () => {
    const bench = new CoreBench({ log: [1], term: 3 });
    bench.tick(19);
    bench.step(snapshotOf('b', 3, [9, 2]));
    bench.tick(19);
    expect(bench.core.state).toMatchObject({ role: 'follower', leader: 'b' });
    bench.tick(1);
    const [refused] = ofKind(bench.step(voteOf('c', 4, [8, 2])), 'vote-response');
    expect(refused).toMatchObject({ granted: false });
  });

  it('one that no member could have sent has no effect', () => {
    const bench = new CoreBench({ log: [1] });
    const bad = [
      snapshotOf('b', 1, [9, 2]),
      snapshotOf('b', 3, [0, 2]),
      snapshotOf('b', 3, [Number.NaN, 2]),
      snapshotOf('b', 3, [9, 2], { configIndex: 10 }),
      snapshotOf('b', 3, [9, 2], { config: { ...snapshotAt([1, 1]).config, voters: [] } }),
      { ...snapshotOf('b', 3, [9, 2]), to: 'x' },
    ];
    for (const message of bad) bench.step(message);
    expect(bench.core.state).toMatchObject({ term: 1, commit: 0 });
    expect(bench.log).toEqual([1]);
  });

  it('L3: one whose last entry is of the present term lifts the torn mark', () => {
    const bench = new CoreBench({ log: [1], term: 1, tornLog: true });
    bench.core.step(snapshotOf('b', 5, [9, 4]));
    bench.settle();
    expect(bench.core.state.tornLog).toBe(true);
    bench.core.step(snapshotOf('b', 5, [12, 5]));
    bench.run();
    expect(bench.pending).toMatchObject({ clearTorn: true, reset: { index: 12, term: 5 } });
    expect(bench.core.state.tornLog).toBe(false);
  });
});

describe('Raft paper 7: what a crash left of a snapshot, at the start', () => {
  it('a snapshot ahead of the log: the log is reset and the state restored', () => {
    const bench = new CoreBench({ log: [1, 1], applied: 1, snapshot: snapshotAt([9, 2]) });
    bench.run();
    expect(bench.pending).toMatchObject({ reset: { index: 9, term: 2 } });
    bench.settle();
    expect(bench.restoring).toMatchObject({ lastIndex: 9 });
    expect(bench.restore()).toEqual([]);
    expect(bench.core.state).toMatchObject({ commit: 9, applied: 9 });
  });

  it('a snapshot that the log conflicts with: the same', () => {
    const snapshot = snapshotAt([3, 2]);
    const bench = new CoreBench({ log: [1, 1, 1, 1, 1], applied: 1, snapshot });
    bench.run();
    expect(bench.pending).toMatchObject({ reset: { index: 3, term: 2 } });
    expect(bench.core.state.log.lastIndex).toBe(3);
  });

  it('a snapshot that the log holds: everything up to it is committed, and the state catches up', () => {
    const snapshot = snapshotAt([3, 1]);
    const bench = new CoreBench({ log: ones(5), applied: 1, snapshot });
    bench.settle();
    expect(bench.restoring).toBeNull();
    expect(bench.applied.map(({ index }) => index)).toEqual([2, 3]);
    expect(bench.log).toHaveLength(5);
  });

  it('a log that no longer reaches back to the state: restored, then applied from there', () => {
    const bench = new CoreBench({ log: ones(8), compacted: 4, snapshot: snapshotAt([6, 1]) });
    bench.run();
    expect(bench.restoring).toMatchObject({ lastIndex: 6 });
    bench.restore();
    bench.step(beatOf('b', 1, 8));
    bench.step(appendOf('b', 1, [8, 1], [], 8));
    expect(bench.applied.map(({ index }) => index)).toEqual([7, 8]);
  });

  it("B14: the configuration is the snapshot's, with what follows in the log", () => {
    const config = { ...snapshotAt([1, 1]).config, learners: ['d'] };
    const snapshot = snapshotAt([3, 1], { config, configIndex: 2 });
    const later = { ...config, learners: ['d', 'e'] };
    const bench = new CoreBench({
      ...{ log: ones(5), applied: 0, snapshot },
      configs: new Map([[5, later]]),
    });
    expect(bench.core.state.config).toEqual(later);
    expect(bench.core.state.configs).toMatchObject({ previous: config, oldestIndex: 2 });
  });
});

describe('Raft paper 7: a state machine that lost its state', () => {
  function lost(): CoreBench {
    return new CoreBench({ log: ones(8), compacted: 4 });
  }

  it('asks for a snapshot with every answer, keeps log and vote, and leaves elections to others', () => {
    const bench = lost();
    const [answer] = ofKind(bench.step(beatOf('b', 1)), 'heartbeat-response');
    expect(answer).toMatchObject({ wantedSnapshot: 4 });
    const [acknowledged] = ofKind(bench.step(appendOf('b', 1, [8, 1], [1], 9)), 'append-response');
    expect(acknowledged).toMatchObject({ success: true, index: 9 });
    expect(bench.tick(59)).toEqual([]);
    expect(bench.core.state).toMatchObject({ role: 'follower', isStateLost: true, commit: 9 });
    expect(bench.applied).toEqual([]);
    bench.tick(1);
    expect(bench.core.state.role).toBe('pre-candidate');
  });

  it('leads only when nobody else can, and hands over to the member that is most level', () => {
    const bench = lost();
    bench.tick(40);
    bench.lead('b');
    expect(bench.core.state.term).toBe(2);
    bench.acknowledge('b', 9);
    const sent = ofKind(bench.tick(5), 'timeout-now');
    expect(sent).toMatchObject([{ to: 'b', lastIndex: 9 }]);
    expect(bench.core.propose(Uint8Array.of(1))).toBe('transferring');
    expect(bench.applied).toEqual([]);
  });

  it('hands over to another one even when nobody is known to be level, the first of equals', () => {
    const bench = lost();
    bench.tick(40);
    bench.lead('b');
    bench.tick(5);
    expect(bench.core.state.transferTarget).toBe('b');
    const level = lost();
    level.tick(40);
    level.lead('b');
    for (const id of ['c', 'b']) level.acknowledge(id, 9);
    level.tick(5);
    expect(level.core.state.transferTarget).toBe('b');
  });

  it('is restored by a snapshot that the log reaches, with the log as it is', () => {
    const bench = lost();
    bench.step(appendOf('b', 1, [8, 1], [], 8));
    bench.step(snapshotOf('b', 1, [3, 1]));
    expect(bench.restoring).toBeNull();
    bench.step(snapshotOf('b', 1, [6, 1]));
    expect(bench.restoring).toMatchObject({ lastIndex: 6 });
    bench.restore();
    expect(bench.applied.map(({ index }) => index)).toEqual([7, 8]);
    const [answer] = ofKind(bench.step(beatOf('b', 1)), 'heartbeat-response');
    expect(answer).not.toHaveProperty('wantedSnapshot');
  });

  it('starts with a state that is too old just as without one', () => {
    const config = initialConfig({ a: 'a', b: 'b', d: 'd' });
    const bench = new CoreBench({
      ...{ log: ones(8), compacted: 4, applied: 2, config, isConfigApplied: true },
    });
    expect(bench.core.state).toMatchObject({ isStateLost: true, config });
  });

  it('gets the configuration from that snapshot too, and keeps what the log holds behind it', () => {
    const config = initialConfig({ a: 'a', b: 'b', c: 'c', d: 'd', e: 'e' });
    const newer = { ...config, learners: ['f'] };
    for (const [index, present] of [
      [null, config],
      [8, newer],
    ] as const) {
      const configs = new Map(index === null ? [] : [[index, newer]]);
      const bench = new CoreBench({ log: ones(8), compacted: 4, configs });
      bench.step(appendOf('b', 1, [8, 1], [], 8));
      bench.step(snapshotOf('b', 1, [6, 1], { config, configIndex: 3 }));
      expect(bench.core.state.configs.applied).toEqual({ index: 3, config });
      bench.restore();
      expect(bench.core.state.config).toEqual(present);
      expect(bench.core.state.configs.applied).toEqual({ index: index ?? 3, config: present });
    }
  });

  it('tells its driver of the configuration that it got back', () => {
    const config = initialConfig({ a: 'a', b: 'b', c: 'c', d: 'd', e: 'e' });
    const bench = lost();
    bench.step(appendOf('b', 1, [8, 1], [], 8));
    bench.core.step(snapshotOf('b', 1, [6, 1], { config, configIndex: 3 }));
    expect(bench.core.ready().config).toEqual(config);
  });

  it('the leader has one sent, at least as new as wanted, while replication goes on', () => {
    const bench = new CoreBench({ log: ones(3) }).lead('b');
    for (const id of ['b', 'c']) bench.acknowledge(id, 4);
    bench.step({ ...beatAckOf('c', 2), wantedSnapshot: 3 });
    expect(bench.due).toEqual([{ to: 'c', from: 3 }]);
    bench.core.propose(Uint8Array.of(1));
    expect(ofKind(bench.settle(), 'append').map(({ to }) => to)).toEqual(['b', 'c']);
    bench.core.reportSnapshot('c', false);
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    expect(bench.due).toHaveLength(1);
    bench.step({ ...beatAckOf('c', 2), wantedSnapshot: 3 });
    expect(bench.due).toHaveLength(2);
    bench.core.reportSnapshot('c', true);
    bench.step(beatAckOf('c', 2));
    expect(bench.core.members().some(({ needsSnapshot }) => needsSnapshot)).toBe(false);
  });
});

describe('Raft paper 7: the configuration as of the applied index', () => {
  it('is the one that a snapshot there must carry, whatever is committed since', () => {
    const configs = new Map([
      [2, { ...snapshotAt([1, 1]).config, learners: ['d'] }],
      [4, { ...snapshotAt([1, 1]).config, learners: ['d', 'e'] }],
    ]);
    const bench = new CoreBench({ log: ones(5), configs, options: { applyBytesMax: 1 } });
    bench.core.step(appendOf('b', 1, [5, 1], [], 5));
    const seen: [number, number][] = [];
    for (let ready = bench.core.ready(); ready.apply.length > 0; ready = bench.core.ready()) {
      bench.core.applied(ready.apply[0]!.index);
      const { applied, configs: history } = bench.core.state;
      seen.push([applied, history.applied.index]);
    }
    expect(seen).toEqual([
      [1, 0],
      [2, 2],
      [3, 2],
      [4, 4],
      [5, 4],
    ]);
  });
});
