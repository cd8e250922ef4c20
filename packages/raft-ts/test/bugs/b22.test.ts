import { afterEach, describe, expect, it } from 'vitest';
import { appendOf, CoreBench } from '../unit/core-bench.ts';
import { beatOf, snapshotAt, snapshotOf } from '../unit/core-messages.ts';
import {
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

describe('B22 snapshot, log and state are not replaced as one', { timeout: 60_000 }, () => {
  /** Has log and state up to 3, and a snapshot of 9 has become durable. */
  function receiving(): CoreBench {
    const bench = new CoreBench({ log: [1, 1, 1], applied: 3, term: 2 });
    bench.settle();
    bench.core.step(snapshotOf('b', 2, [9, 2]));
    bench.run();
    return bench;
  }

  it('the state is replaced only when the log is', () => {
    const bench = receiving();
    expect(bench.pending).toMatchObject({ reset: { index: 9, term: 2 } });
    expect(bench.restoring).toBeNull();
    expect(bench.take()).toEqual([]);
    bench.sync();
    expect(bench.restoring).toMatchObject({ lastIndex: 9 });
    expect(bench.core.state.applied).toBe(3);
  });

  it.each([
    ['the snapshot is durable', { log: [1, 1, 1], applied: 3 }],
    ['the log begins behind it', { log: [1, 1, 1, 1, 1, 1, 1, 1, 2], compacted: 9, applied: 3 }],
    ['the state is restored', { log: [1, 1, 1, 1, 1, 1, 1, 1, 2], compacted: 9, applied: 9 }],
  ])('a crash when %s leaves no gap and applies nothing twice', (_, durable) => {
    const bench = new CoreBench({ ...durable, term: 2, snapshot: snapshotAt([9, 2]) });
    bench.settle();
    if (bench.restoring !== null) bench.restore();
    expect(bench.core.state).toMatchObject({ commit: 9, applied: 9 });
    expect(bench.core.state.log.compacted.index).toBe(9);
    expect(bench.applied).toEqual([]);
    bench.step(appendOf('b', 2, [9, 2], [2], 10));
    expect(bench.applied.map(({ index }) => index)).toEqual([10]);
  });

  it('what was handed out to apply and is in the snapshot is not applied behind it', () => {
    const bench = new CoreBench({ log: [1, 1, 1], term: 1 });
    bench.settle();
    bench.core.step(appendOf('b', 1, [3, 1], [], 3));
    expect(bench.core.ready().apply).toHaveLength(3);
    bench.core.step(snapshotOf('b', 1, [9, 1]));
    bench.settle();
    bench.restore();
    expect(bench.core.state).toMatchObject({ applied: 9, applying: 9 });
    bench.step(appendOf('b', 1, [9, 1], [1], 10));
    expect(bench.applied.map(({ index }) => index)).toEqual([10]);
  });

  it('a snapshot of less than what is committed takes nothing back', () => {
    const bench = new CoreBench({ log: [1, 1, 1, 1, 1], compacted: 3, applied: 4 });
    bench.settle();
    bench.step(beatOf('b', 1, 5));
    bench.step(snapshotOf('b', 1, [2, 1]));
    expect(bench.restoring).toBeNull();
    expect(bench.core.state.commit).toBeGreaterThanOrEqual(4);
    expect(bench.core.state.log.lastIndex).toBe(5);
  });

  it('a local snapshot that is finished after a newer one was installed is dropped', async () => {
    const { cluster, leader } = await open();
    const laggard = [...cluster.members.values()].find((member) => member !== leader)!;
    await fill(leader, 0, 10);
    await laggard.applied(leader.node.status().appliedIndex);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    laggard.machine.beforePiece = () => held;
    const taken = laggard.node.snapshot();
    cluster.network.cut.add(laggard.id);
    await fill(leader, 10, 60);
    await leader.node.compact(leader.node.status().appliedIndex);
    const installed = event((listener) => laggard.node.once('snapshotInstalled', listener));
    cluster.network.cut.clear();
    const newer = await installed;
    release();
    expect(await taken).toEqual(newer);
    expect(laggard.snapshots.current).toEqual(newer);
  });
});
