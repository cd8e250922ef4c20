import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { formatTraceEvent, type TraceEvent } from '../../src/core/trace.ts';
import { appendOf, CoreBench, CoreCluster, electionTicks } from './core-bench.ts';
import { voteOf } from './core-messages.ts';

/** The events in short: their names, and what tells them apart. */
function short(events: readonly TraceEvent[]): string[] {
  return events.map((it) => {
    if ('message' in it)
      return `${it.event} ${it.message.kind} ${it.message.from}>${it.message.to}`;
    if (it.event === 'Ready') return `Ready ${it.sending} ${it.appending} ${it.applying}`;
    return `${it.event} ${it.id} t${it.term} c${it.commit}`;
  });
}

function tracedCluster(ids: readonly string[]): { cluster: CoreCluster; events: TraceEvent[] } {
  const events: TraceEvent[] = [];
  const trace = (event: TraceEvent) => void events.push(event);
  const options = { electionTicksMax: 2 * electionTicks };
  const benches = ids.map((id, i) => {
    return new CoreBench({ id, members: ids, trace, options, random: () => i / ids.length });
  });
  return { cluster: new CoreCluster(benches), events };
}

describe('trace', () => {
  it('tells an election and a commit, transition by transition', () => {
    const events: TraceEvent[] = [];
    const bench = new CoreBench({ trace: (event) => void events.push(event) });
    bench.lead('b');
    bench.acknowledge('b', 1);
    expect(short(events).filter((line) => !line.startsWith('Ready'))).toEqual([
      'InitState a t0 c0',
      'BecomePreCandidate a t0 c0',
      'SendRequestVoteRequest pre-vote a>b',
      'SendRequestVoteRequest pre-vote a>c',
      'ReceiveRequestVoteResponse pre-vote-response b>a',
      'BecomeCandidate a t1 c0',
      'SendRequestVoteRequest vote a>b',
      'SendRequestVoteRequest vote a>c',
      'ReceiveRequestVoteResponse vote-response b>a',
      'BecomeLeader a t1 c0',
      'Replicate a t1 c0',
      'SendAppendEntriesRequest append a>b',
      'SendAppendEntriesRequest append a>c',
      'ReceiveAppendEntriesResponse append-response b>a',
      'Commit a t1 c1',
      'SendAppendEntriesRequest append a>b',
    ]);
  });

  it('tells what a follower does, with what it knows right after', () => {
    const events: TraceEvent[] = [];
    const bench = new CoreBench({ trace: (event) => void events.push(event) });
    bench.step(voteOf('b', 3));
    bench.step(appendOf('b', 3, [0, 0], [3, 3], 1));
    const told = events.filter(({ event }) => event === 'Commit' || event.startsWith('Become'));
    expect(told).toEqual([
      {
        ...{ event: 'BecomeFollower', leader: null, id: 'a', role: 'follower', term: 3 },
        ...{ votedFor: null, commit: 0, lastIndex: 0 },
      },
      {
        ...{ event: 'BecomeFollower', leader: 'b', id: 'a', role: 'follower', term: 3 },
        ...{ votedFor: 'b', commit: 0, lastIndex: 0 },
      },
      {
        ...{ event: 'Commit', id: 'a', role: 'follower', term: 3 },
        ...{ votedFor: 'b', commit: 1, lastIndex: 2 },
      },
    ]);
    const answers = short(events).filter((line) => line.startsWith('Send'));
    expect(answers[0]).toBe('SendRequestVoteResponse vote-response a>b');
  });

  it('tells of configurations when they hold, when they are committed and when they are rolled back', () => {
    const { cluster, events } = tracedCluster(['a', 'b', 'c']);
    const leader = cluster.elect();
    leader.core.changeMembership(
      { remove: ['a', 'b', 'c'].filter((id) => id !== leader.id).slice(1) },
      null,
    );
    cluster.deliver();
    const told = events.filter(
      (it) => it.id === leader.id && (it.event === 'ChangeConf' || it.event === 'ApplyConfChange'),
    );
    expect(told.map(({ event }) => event)).toEqual([
      'ChangeConf',
      'ApplyConfChange',
      'ChangeConf',
      'ApplyConfChange',
    ]);
    const configs = told.map((it) => ('config' in it ? it.config.votersOutgoing.length : -1));
    expect(configs).toEqual([3, 3, 0, 0]);
    const other = new CoreBench({ trace: (event) => void events.push(event) });
    other.lead('b');
    other.acknowledge('b', 1);
    other.core.changeMembership({ remove: ['c'] }, null);
    events.length = 0;
    other.step(appendOf('b', 9, [1, 1], [9]));
    expect(events.find(({ event }) => event === 'ChangeConf')).toMatchObject({ index: 0 });
  });

  it('every message that is received was sent, and commits only rise', () => {
    const { cluster, events } = tracedCluster(['a', 'b', 'c']);
    const leader = cluster.elect();
    for (let i = 0; i < 20; i++) {
      leader.core.propose(Uint8Array.of(i));
      cluster.tick(1);
    }
    cluster.tick(electionTicks);
    const sent = new Set<unknown>();
    const commits = new Map<string, number>();
    for (const it of events) {
      if ('message' in it && it.event.startsWith('Send')) sent.add(it.message);
      if ('message' in it && it.event.startsWith('Receive')) expect(sent).toContain(it.message);
      expect(it.commit).toBeGreaterThanOrEqual(commits.get(it.id) ?? 0);
      commits.set(it.id, it.commit);
    }
    expect([...commits.values()]).toEqual([21, 21, 21]);
  });

  it('tells which configuration is committed, also when a newer one stands in the log', () => {
    const events: TraceEvent[] = [];
    const base = initialConfig({ a: 'a', b: 'b', c: 'c' });
    const [older, newer] = [
      { ...base, learners: ['d'] },
      { ...base, learners: ['e'] },
    ];
    const bench = new CoreBench({
      log: [1, 1, 1],
      configs: new Map([
        [2, older],
        [3, newer],
      ]),
      trace: (event) => void events.push(event),
    });
    bench.step(appendOf('b', 1, [3, 1], [], 2));
    const committed = events.filter(({ event }) => event === 'ApplyConfChange');
    expect(committed).toMatchObject([{ index: 2, config: older }]);
  });

  it('tells what each ready holds, and for whom a snapshot is due', () => {
    const events: TraceEvent[] = [];
    const bench = new CoreBench({
      ...{ log: [1, 1, 1], applied: 3 },
      trace: (event) => void events.push(event),
    });
    bench.lead('b');
    bench.acknowledge('b', 4);
    const readies = short(events).filter((line) => line.startsWith('Ready'));
    // Pre-votes; the own vote; the requests; the leader's own entry and its sending; the commit and its telling.
    expect(readies).toEqual(['Ready 2 0 0', 'Ready 0 0 0', 'Ready 2 1 0', 'Ready 1 0 1']);
    bench.core.compact(3);
    const peer = bench.core.state.progress.get('c')!;
    peer.lastActiveTick = bench.core.state.now;
    peer.becomeSnapshot();
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    expect(events.filter(({ event }) => event === 'SnapshotDue')).toMatchObject([{ to: 'c' }]);
  });

  it('is written as one line of JSON without the data of entries', () => {
    const events: TraceEvent[] = [];
    const bench = new CoreBench({ trace: (event) => void events.push(event) });
    bench.step(appendOf('b', 1, [0, 0], [1]));
    const line = formatTraceEvent(events.find(({ event }) => event.startsWith('Receive'))!);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({
      event: 'ReceiveAppendEntriesRequest',
      message: { kind: 'append', entries: [{ index: 1, term: 1, type: 0, bytes: 2 }] },
    });
  });
});
