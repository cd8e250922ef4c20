import { describe, expect, it } from 'vitest';
import type { Index } from '../../src/core/types.ts';
import { CoreBench, CoreCluster, electionTicks } from '../unit/core-bench.ts';
import { snapshotAt } from '../unit/core-messages.ts';

/** Sends a snapshot of everything that the leader has applied to whom one is due, as a driver would. Returns how many. */
function sendDueSnapshots(leader: CoreBench, cluster: CoreCluster): number {
  const due = leader.due.splice(0);
  for (const { to } of due) {
    const { applied, log, term } = leader.core.state;
    const meta = snapshotAt([applied, log.term(applied)!]);
    leader.core.snapshotChosen(to, meta);
    const receiver = cluster.get(to);
    receiver.core.step({ kind: 'snapshot', from: leader.id, to, term, meta });
    leader.core.reportSnapshot(to, true);
    cluster.deliver();
    if (receiver.restoring === null) continue;
    const answers = receiver.restore();
    for (const answer of answers) cluster.get(answer.to).core.step(answer);
  }
  cluster.deliver();
  return due.length;
}

/** Members that have all heard of `term`. */
function clusterOf(logs: Readonly<Record<string, readonly number[]>>, term: number): CoreCluster {
  const members = Object.keys(logs);
  const options = { electionTicksMax: 2 * electionTicks };
  return new CoreCluster(
    members.map((id, i) => {
      const log = logs[id]!;
      return new CoreBench({ id, members, log, term, options, random: () => i / members.length });
    }),
  );
}

/** Runs until c is level; returns how many snapshots it took. */
function bringLevel(leader: CoreBench, cluster: CoreCluster): number {
  let sent = 0;
  for (let tick = 0; tick < 10 * electionTicks; tick++) {
    cluster.tick(1);
    sent += sendDueSnapshots(leader, cluster);
  }
  expect(cluster.get('c').core.state.applied).toBe(leader.core.state.applied);
  return sent;
}

function compactAll(leader: CoreBench, index: Index): void {
  leader.core.compact(index);
  void leader.store.compact(index);
}

describe('B23 a conflicting entry stays at the last index of a snapshot', () => {
  it('hashicorp#697: it goes, and one snapshot is enough', () => {
    // c holds an uncommitted entry of term 2 at the very index where the snapshot will end.
    const cluster = clusterOf({ a: [1, 1, 1], b: [1, 1, 1], c: [1, 1, 1, 2] }, 2);
    cluster.down.add('c');
    const leader = cluster.elect();
    cluster.tick(5);
    expect(leader.core.state.applied).toBe(4);
    compactAll(leader, 4);
    cluster.down.delete('c');
    expect(bringLevel(leader, cluster)).toBe(1);
    expect(leader.core.state.term).toBe(3);
    expect(cluster.get('c').core.state.log.lastTerm).toBe(3);
  });

  it('camunda#6092: a suffix behind a snapshot that matches stays, and was never in doubt', () => {
    const bench = new CoreBench({ log: [1, 1, 1, 1, 1] });
    const meta = snapshotAt([3, 1]);
    bench.core.step({ kind: 'snapshot', from: 'b', to: 'a', term: 1, meta });
    const readies = bench.run();
    expect(readies.map(({ append }) => append)).toEqual(readies.map(() => null));
    expect(bench.log).toEqual([1, 1, 1, 1, 1]);
  });

  it('etcd PR 1763: a member with an older prefix takes one snapshot and the log from there', () => {
    const cluster = clusterOf({ a: [1, 1, 1], b: [1, 1, 1], c: [1] }, 1);
    cluster.down.add('c');
    const leader = cluster.elect();
    for (let i = 0; i < 10; i++) leader.core.propose(Uint8Array.of(i));
    cluster.tick(5);
    compactAll(leader, 9);
    cluster.down.delete('c');
    expect(bringLevel(leader, cluster)).toBe(1);
    leader.core.propose(Uint8Array.of(1));
    cluster.tick(5);
    const c = cluster.get('c').core.state;
    expect(c.commit).toBe(leader.core.state.commit);
    expect(c.log.compacted.index).toBeGreaterThanOrEqual(9);
  });
});
