import { describe, expect, it } from 'vitest';
import {
  appendOf,
  CoreBench,
  CoreCluster,
  electionTicks,
  entriesOf,
  ofKind,
} from '../unit/core-bench.ts';
import { ackOf, beatOf } from '../unit/core-messages.ts';

const three = ['a', 'b', 'c'];

/** A leader of these members whose first entry of its own is committed. */
function settledLeader(members: readonly string[] = three): CoreBench {
  const others = members.slice(1);
  const bench = new CoreBench({ members }).lead(...others);
  for (const id of others) bench.acknowledge(id, 1);
  expect(bench.core.state.commit).toBe(1);
  bench.take();
  return bench;
}

describe('Raft paper 5.3 and figure 2: the leader replicates', () => {
  it('appends a proposal and sends it to all, with the entry before it named, before its own disk is done', () => {
    const bench = settledLeader();
    bench.core.propose(Uint8Array.of(7));
    bench.run();
    const rest = { kind: 'append', from: 'a', term: 1, prevIndex: 1, prevTerm: 1, commit: 1 };
    const entries = [{ index: 2, term: 1, type: 0, data: Uint8Array.of(7) }];
    expect(bench.take()).toEqual([
      { ...rest, to: 'b', entries },
      { ...rest, to: 'c', entries },
    ]);
    expect(bench.pending?.entries).toEqual(entries);
    expect(bench.log).toEqual([1, 1]);
    expect(bench.core.state.commit).toBe(1);
  });

  it('commits what a majority holds, applies it and tells the others', () => {
    const bench = settledLeader();
    bench.core.propose(Uint8Array.of(7));
    bench.settle();
    const told = ofKind(bench.acknowledge('b', 2), 'append');
    expect(bench.core.state.commit).toBe(2);
    expect(bench.applied.map(({ index }) => index)).toEqual([1, 2]);
    expect(told.map(({ to, commit }) => [to, commit])).toEqual([
      ['b', 2],
      ['c', 2],
    ]);
  });

  it.each([
    [1, '', true],
    [3, '', false],
    [3, 'b', true],
    [3, 'bc', true],
    [5, '', false],
    [5, 'b', false],
    [5, 'bc', true],
    [5, 'bcd', true],
    [5, 'bcde', true],
  ])('of %i members, acknowledgements of "%s" commit an entry: %s', (size, from, isCommitted) => {
    const bench = settledLeader(['a', 'b', 'c', 'd', 'e'].slice(0, size));
    bench.core.propose(Uint8Array.of(7));
    bench.settle();
    for (const id of from) bench.acknowledge(id, 2);
    expect(bench.core.state.commit).toBe(isCommitted ? 2 : 1);
  });

  it.each([[[]], [[2]], [[1, 2]], [[1]]])(
    'commits the entries of earlier leaders %j along with its own',
    (log) => {
      const bench = new CoreBench({ log, term: 2 }).lead('b');
      bench.acknowledge('b', log.length + 1);
      expect(bench.core.state.commit).toBe(log.length + 1);
      expect(bench.applied.map(({ index }) => index)).toEqual(log.concat(3).map((_, i) => i + 1));
    },
  );

  it('an acknowledgement that is late or repeated moves nothing back', () => {
    const bench = settledLeader();
    for (let i = 0; i < 3; i++) bench.core.propose(Uint8Array.of(i));
    bench.settle();
    bench.acknowledge('b', 4);
    for (const late of [2, 3, 4, 1]) bench.acknowledge('b', late);
    expect(bench.core.state.commit).toBe(4);
    expect(bench.core.members().find(({ id }) => id === 'b')?.matchIndex).toBe(4);
  });

  it('sends what was refused from where the logs may agree', () => {
    const bench = new CoreBench({ log: [1, 1, 1] }).lead('b');
    bench.take();
    const refused = ackOf('c', 2, 3, { success: false, hintIndex: 1, hintTerm: 1 });
    const [again] = ofKind(bench.step(refused), 'append');
    expect(again).toMatchObject({ to: 'c', prevIndex: 1, prevTerm: 1 });
    // The two that are read from the store; the next request brings what is still in memory.
    expect(again?.entries.map(({ index, term }) => [index, term])).toEqual([
      [2, 1],
      [3, 1],
    ]);
  });

  it('never overwrites its own log, whatever others say (leader append-only, figure 3)', () => {
    const bench = new CoreBench({ log: [1, 1, 1] }).lead('b');
    const before = bench.log;
    bench.step(ackOf('b', 2, 3, { success: false, hintIndex: 1, hintTerm: 1 }));
    bench.step(appendOf('c', 1, [1, 1], [1]));
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    expect(bench.log).toEqual([...before, 2]);
    expect(() => bench.core.step(appendOf('c', 2, [1, 1], [2]))).toThrow('two leaders in one term');
  });
});

describe('Raft paper 5.3 and figure 2: the follower appends', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 3],
  ])('commits up to %i of three entries: %i', (commit, expected) => {
    const bench = new CoreBench();
    bench.step(appendOf('b', 1, [0, 0], [1, 1, 1], commit));
    expect(bench.core.state.commit).toBe(expected);
    expect(bench.applied.map(({ index }) => index)).toEqual([1, 2, 3].slice(0, expected));
  });

  it.each([
    { prev: [0, 0], success: true, index: 0 },
    { prev: [1, 1], success: true, index: 1 },
    { prev: [2, 2], success: true, index: 2 },
    { prev: [1, 2], success: false, hint: [1, 1] },
    { prev: [2, 1], success: false, hint: [1, 1] },
    { prev: [3, 3], success: false, hint: [2, 2] },
    { prev: [9, 1], success: false, hint: [1, 1] },
  ] as const)('with log [1, 2], checks the entry before: $prev', ({ prev, success, ...rest }) => {
    const bench = new CoreBench({ log: [1, 2], term: 3 });
    const [answer] = ofKind(bench.step(appendOf('b', 3, prev, [])), 'append-response');
    if (success) {
      expect(answer).toMatchObject({ success, index: 'index' in rest ? rest.index : 0 });
    } else {
      const [hintIndex, hintTerm] = 'hint' in rest ? rest.hint : [0, 0];
      expect(answer).toMatchObject({ success, index: prev[0], hintIndex, hintTerm });
      expect(bench.log).toEqual([1, 2]);
    }
  });

  it.each([
    { prev: [2, 2], terms: [3], log: [1, 2, 3], cut: null, written: [3] },
    { prev: [1, 1], terms: [3, 4], log: [1, 3, 4], cut: 2, written: [3, 4] },
    { prev: [0, 0], terms: [1], log: [1, 2], cut: null, written: [] },
    { prev: [0, 0], terms: [3], log: [3], cut: 1, written: [3] },
    { prev: [0, 0], terms: [1, 2, 3], log: [1, 2, 3], cut: null, written: [3] },
    { prev: [1, 1], terms: [2], log: [1, 2], cut: null, written: [] },
  ] as const)('with log [1, 2], terms $terms behind $prev make $log', (row) => {
    const bench = new CoreBench({ log: [1, 2], term: 4 });
    bench.core.step(appendOf('b', 4, row.prev, row.terms));
    bench.run();
    const { pending } = bench;
    expect(pending?.entries.map(({ term }) => term) ?? []).toEqual(row.written);
    expect(pending?.truncateFrom ?? null).toBe(row.cut);
    bench.settle();
    expect(bench.log).toEqual(row.log);
    expect(Array.from(row.log, (_, i) => bench.store.term(i + 1))).toEqual(row.log);
  });

  it('answers when the entries are durable, and applies only what is', () => {
    const bench = new CoreBench();
    bench.core.step(appendOf('b', 1, [0, 0], [1, 1], 2));
    bench.run();
    expect(bench.take()).toEqual([]);
    expect(bench.applied).toEqual([]);
    bench.sync();
    expect(ofKind(bench.take(), 'append-response')).toMatchObject([{ success: true, index: 2 }]);
    expect(bench.applied.map(({ index }) => index)).toEqual([1, 2]);
  });

  it('learns of a commit by heartbeat as far as the log is known to match', () => {
    const bench = new CoreBench({ log: [1, 1, 1] });
    bench.step(appendOf('b', 1, [1, 1], []));
    bench.step(beatOf('b', 1, 3));
    expect(bench.core.state.commit).toBe(3);
    const other = new CoreBench({ log: [1, 1, 1] });
    other.step(appendOf('b', 2, [1, 1], []));
    other.step(beatOf('b', 2, 3));
    expect(other.core.state.commit).toBe(1);
  });

  it('a commit index never falls', () => {
    const bench = new CoreBench({ log: [1, 1, 1] });
    bench.step(appendOf('b', 1, [3, 1], [], 3));
    bench.step(appendOf('b', 1, [3, 1], [], 1));
    bench.step(beatOf('b', 1, 2));
    expect(bench.core.state.commit).toBe(3);
  });

  it('requests that arrive in another order than they were sent make the same log', () => {
    const bench = new CoreBench();
    const requests = [
      appendOf('b', 1, [0, 0], [1, 1], 0),
      appendOf('b', 1, [2, 1], [1, 1], 2),
      appendOf('b', 1, [4, 1], [1], 4),
    ];
    for (const at of [2, 1, 0, 1, 0, 2, 1]) bench.step(requests[at]!);
    expect(bench.log).toEqual([1, 1, 1, 1, 1]);
    expect(bench.core.state.commit).toBe(4);
  });
});

describe('Raft paper 5.3, figure 7: a leader brings every log level', () => {
  const leading = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];

  it.each([
    { name: 'a, missing an entry', log: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
    { name: 'b, missing many entries', log: [1, 1, 1, 4] },
    { name: 'c, an extra entry', log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
    { name: 'd, extra entries of a later term', log: [...leading, 7, 7] },
    { name: 'e, other entries', log: [1, 1, 1, 4, 4, 4, 4] },
    { name: 'f, other entries from early on', log: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
  ])('($name)', ({ log }) => {
    const leader = new CoreBench({ log: leading, term: 7 });
    const follower = new CoreBench({ id: 'b', members: three, log, term: 7 });
    const third = new CoreBench({ id: 'c', members: three, log: leading, term: 7 });
    const cluster = new CoreCluster([leader, follower, third]);
    leader.core.campaign();
    cluster.deliver();
    cluster.tick(10);
    expect(cluster.leaders.map((bench) => bench.id)).toEqual(['a']);
    expect(follower.log).toEqual([...leading, 8]);
    expect(follower.core.state.commit).toBe(11);
    expect(follower.applied.map(({ term }) => term)).toEqual([...leading, 8]);
  });
});

describe('Raft paper 5.3, the optimization of one round for each conflicting term', () => {
  const tail = (term: number) => Array.from({ length: 40 }, () => term);

  it.each([
    { name: 'the follower is of an older term', leading: [1, ...tail(3)], log: [1, ...tail(2)] },
    { name: 'the follower is of a newer term', leading: [1, ...tail(2), 5], log: [1, ...tail(4)] },
    { name: 'the follower is short', leading: [1, ...tail(3)], log: [1] },
    {
      name: 'both have several terms',
      leading: [1, 1, ...tail(3), ...tail(6), 8],
      log: [1, 1, ...tail(2), ...tail(4), ...tail(7)],
    },
  ])('few refusals when $name', ({ leading, log }) => {
    const leader = new CoreBench({ log: leading, term: 8 });
    const follower = new CoreBench({ id: 'b', members: three, log, term: 8 });
    const third = new CoreBench({ id: 'c', members: three, log: leading, term: 8 });
    const cluster = new CoreCluster([leader, follower, third]);
    let refusals = 0;
    cluster.drop = (m) => {
      if (m.kind === 'append-response' && !m.success) refusals++;
      return false;
    };
    leader.core.campaign();
    cluster.deliver();
    expect(follower.log).toEqual([...leading, 9]);
    expect(refusals).toBeLessThanOrEqual(4);
  });

  it.each([
    // Leader's log, follower's log, first refused, where the hint points to.
    [[1, 3, 3, 3, 5, 5, 5, 5, 5], [1, 1, 1, 1, 3, 3], 9, [6, 3], 4],
    [[1, 3, 3, 3, 3, 3, 3, 3, 7], [1, 3, 3, 4, 4, 5, 5, 5, 6], 9, [9, 6], 8],
    [[1, 3, 3, 3, 3, 7], [1, 3, 3, 4, 4, 5, 5, 5, 6], 6, [6, 5], 5],
    [[1, 1, 1, 1, 1, 1, 1, 1], [1, 2, 2, 2, 2, 2, 2, 2], 8, [1, 1], 1],
    [[5, 5], [4, 4, 4, 4], 2, [2, 4], 0],
  ] as const)('of %j against %j', (leading, log, refused, hint, next) => {
    const follower = new CoreBench({ log, term: 8 });
    const prev = [refused, leading[refused - 1]!] as const;
    const [answer] = ofKind(follower.step(appendOf('b', 8, prev, [])), 'append-response');
    expect(answer).toMatchObject({ success: false, hintIndex: hint[0], hintTerm: hint[1] });
    const leader = new CoreBench({ log: leading, term: 8 }).lead('c');
    leader.take();
    const [again] = ofKind(leader.step({ ...answer!, from: 'b', to: 'a', term: 9 }), 'append');
    expect(again?.prevIndex).toBe(next);
  });
});

describe('Raft paper 5.3 and dissertation 10.2: pipelines and limits', () => {
  const entries = (bench: CoreBench, count: number, bytes = 10) => {
    for (let i = 0; i < count; i++) bench.core.propose(new Uint8Array(bytes).fill(i));
    return ofKind(bench.settle(), 'append').filter(({ to }) => to === 'b');
  };
  const leaderWith = (options: object) => {
    const bench = new CoreBench({ options }).lead('b');
    for (const id of ['b', 'c']) bench.acknowledge(id, 1);
    bench.take();
    return bench;
  };

  it('sends on before the first answers come', () => {
    const bench = leaderWith({ appendBytesMax: 1 });
    expect(entries(bench, 3).map(({ prevIndex }) => prevIndex)).toEqual([1, 2, 3]);
  });

  it('one request carries what fits, and at least one entry', () => {
    const bench = leaderWith({ appendBytesMax: 2 * (10 + 32) });
    expect(entries(bench, 5).map((m) => m.entries.length)).toEqual([2, 2, 1]);
    const small = leaderWith({ appendBytesMax: 1 });
    expect(entries(small, 2, 500).map((m) => m.entries.length)).toEqual([1, 1]);
  });

  it('waits when the window is full of messages, and goes on when one is acknowledged', () => {
    const bench = leaderWith({ appendBytesMax: 1, inflightMessagesMax: 3 });
    expect(entries(bench, 10)).toHaveLength(3);
    const more = ofKind(bench.acknowledge('b', 2), 'append').filter(({ to }) => to === 'b');
    expect(more.filter((m) => m.entries.length > 0).map(({ prevIndex }) => prevIndex)).toEqual([4]);
  });

  it('waits when the window is full of bytes', () => {
    const bench = leaderWith({ appendBytesMax: 1, inflightBytesMax: 2 * (100 + 32) });
    expect(entries(bench, 10, 100)).toHaveLength(2);
    const freed = ofKind(bench.acknowledge('b', 3), 'append').filter(({ to }) => to === 'b');
    expect(freed.filter((m) => m.entries.length > 0)).toHaveLength(2);
  });

  it('probes with one request at a time until it knows where the logs part', () => {
    const bench = new CoreBench({ options: { appendBytesMax: 1 } }).lead('b');
    bench.take();
    expect(entries(bench, 5)).toEqual([]);
    const [first, ...rest] = ofKind(bench.acknowledge('b', 1), 'append').filter(
      ({ to }) => to === 'b',
    );
    expect([first, ...rest].map((m) => m?.prevIndex)).toEqual([1, 2, 3, 4, 5]);
  });

  it('bounds what is appended and not committed while a majority is away', () => {
    const bench = leaderWith({ uncommittedBytesMax: 100 });
    const taken = Array.from({ length: 1000 }, () => bench.core.propose(new Uint8Array(10)));
    expect(taken.filter((it) => typeof it === 'object')).toHaveLength(10);
    expect(taken.at(-1)).toBe('busy');
    bench.settle();
    bench.acknowledge('b', 11);
    expect(bench.core.propose(new Uint8Array(10))).toMatchObject({ index: 12 });
  });

  it('takes a single proposal above the uncommitted limit, but none above the limit of one entry', () => {
    const bench = leaderWith({ uncommittedBytesMax: 10, entryBytesMax: 100 });
    expect(bench.core.propose(new Uint8Array(101))).toBe('too-large');
    expect(bench.core.propose(new Uint8Array(100))).toMatchObject({ index: 2 });
    expect(bench.core.propose(new Uint8Array(1))).toBe('busy');
  });

  it('hands committed entries to be applied in slices, in order, each once', () => {
    const bench = leaderWith({ applyBytesMax: 2 * (10 + 32) });
    entries(bench, 7);
    bench.core.step(ackOf('b', 1, 8));
    const slices: number[][] = [];
    while (bench.core.hasReady()) {
      const { apply } = bench.core.ready();
      if (apply.length > 0) slices.push(apply.map(({ index }) => index));
      if (apply.length > 0) bench.core.applied(apply.at(-1)!.index);
    }
    expect(slices).toEqual([[2, 3], [4, 5], [6, 7], [8]]);
  });

  it('a follower that was asleep is brought level', () => {
    const benches = three.map((id) => new CoreBench({ id, members: three }));
    const cluster = new CoreCluster(benches);
    cluster.get('a').core.campaign();
    cluster.deliver();
    cluster.down.add('c');
    for (let i = 0; i < 100; i++) cluster.get('a').core.propose(Uint8Array.of(i));
    cluster.deliver();
    cluster.down.delete('c');
    cluster.tick(electionTicks);
    expect(cluster.get('c').log).toEqual(cluster.get('a').log);
    expect(cluster.get('c').core.state.commit).toBe(101);
  });

  it('leaves malformed requests without an answer and without an effect', () => {
    const bench = new CoreBench({ log: [1], term: 2 });
    const good = appendOf('b', 2, [1, 1], [2, 2]);
    const [first, second] = entriesOf(2, [2, 2]);
    for (const bad of [
      { ...good, entries: [second!, first!] },
      { ...good, entries: [{ ...first!, term: 3 }] },
      { ...good, prevTerm: 3 },
      { ...good, prevIndex: -1 },
      { ...good, prevIndex: 1.5 },
      { ...good, commit: Number.NaN },
      { ...good, term: Number.POSITIVE_INFINITY },
      { ...good, entries: [first!, { ...second!, term: 1 }] },
      { ...good, to: 'b' },
    ]) {
      expect(bench.step(bad)).toEqual([]);
    }
    expect(bench.log).toEqual([1]);
    expect(bench.core.state).toMatchObject({ term: 2, leader: null });
  });
});
