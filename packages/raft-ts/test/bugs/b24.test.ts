import { afterEach, describe, expect, it } from 'vitest';
import { appendOf, CoreBench } from '../unit/core-bench.ts';
import { snapshotOf } from '../unit/core-messages.ts';
import {
  KvMachine,
  openSnapshotCluster,
  type SnapshotCluster,
  type SnapshotMember,
} from '../unit/snapshot-cluster.ts';

let opened: SnapshotCluster | null = null;
afterEach(() => opened?.close());

async function open(options: Parameters<typeof openSnapshotCluster>[0] = {}) {
  const cluster = await openSnapshotCluster(options);
  opened = cluster;
  return { cluster, leader: await cluster.leader() };
}

async function fill(member: SnapshotMember, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await member.propose(`k${i % 40}=${i}`);
}

const event = <T>(listen: (listener: (value: T) => void) => unknown): Promise<T> =>
  new Promise((resolve) => void listen(resolve));

describe('B24 a restored state is merged with the old one, or taken in the middle', {
  timeout: 60_000,
}, () => {
  it('nothing is applied while the state is being replaced', () => {
    const bench = new CoreBench({ log: [1, 1], term: 1 });
    bench.settle();
    bench.core.step(snapshotOf('b', 1, [5, 1]));
    bench.settle();
    expect(bench.restoring).toMatchObject({ lastIndex: 5 });
    bench.step(appendOf('b', 1, [5, 1], [1, 1], 7));
    expect(bench.core.state.commit).toBe(7);
    expect(bench.applied).toEqual([]);
    bench.restore();
    expect(bench.applied.map(({ index }) => index)).toEqual([6, 7]);
  });

  it('is brought level by a snapshot, in which a deleted key is gone', async () => {
    const { cluster, leader } = await open({ snapshotEntriesMax: 20 });
    const laggard = [...cluster.members.values()].find((member) => member !== leader)!;
    await leader.propose('gone=1');
    await laggard.applied(leader.node.status().appliedIndex);
    const before = laggard.machine;
    expect(before.values.get('gone')).toBe('1');
    cluster.network.cut.add(laggard.id);
    await leader.propose('-gone');
    await fill(leader, 0, 100);
    const { compactedIndex } = leader.node.status();
    expect(compactedIndex).toBeGreaterThan(laggard.node.status().lastIndex);

    const installed = event((listener) => laggard.node.once('snapshotInstalled', listener));
    const sent = event((listener) => leader.node.once('snapshotSent', listener));
    cluster.network.cut.clear();
    expect(await sent).toBe(laggard.id);
    expect(await installed).toMatchObject({ lastIndex: expect.any(Number) });
    await fill(leader, 100, 103);
    await laggard.applied(leader.node.status().appliedIndex);
    expect(laggard.machine).toBe(before);
    expect(laggard.machine.values).toEqual(leader.machine.values);
    expect(laggard.machine.values.has('gone')).toBe(false);
    expect(cluster.network.arrivals.every(({ to }) => to === laggard.id)).toBe(true);
  });

  it('a snapshot is the state exactly at its index, while applying goes on', async () => {
    const { leader } = await open();
    await fill(leader, 0, 50);
    const expected = new Map(leader.machine.values);
    const { appliedIndex } = leader.node.status();
    leader.machine.beforePiece = () => new Promise(setImmediate);
    const taken = leader.node.snapshot();
    await fill(leader, 50, 100);
    const { lastIndex } = await taken;
    expect(lastIndex).toBe(appliedIndex);
    const copy = new KvMachine();
    await copy.restore(leader.snapshots.current!, leader.snapshots.pin()!.content());
    expect(copy.values).toEqual(expected);
    expect(leader.machine.values).not.toEqual(expected);
  });
});
