import { FlowRecord } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { CommandKind } from '../../src/command.ts';
import { activeCluster, type FakeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { flowOf, Status } from '../support/flows.ts';

const udp = { protocol: 17, dport: 53 } as const;
const unreplied = { status: Status.confirmed } as const;
const finWait = 4;

function remaining(node: FakeNode, flow: FlowRecord): number {
  const cell = new FlowRecord();
  const slot = node.table.find(flow);
  if (slot < 0) return -1;
  node.table.read(slot, cell);
  return cell.timeoutSeconds;
}

function batches(cluster: FakeCluster): number {
  return cluster.commands().filter(({ kind }) => kind === CommandKind.batch).length;
}

describe('K14 touches', () => {
  it('K14 holds: a stream that outlasts its timeout has its remaining time committed, again and again', async () => {
    const cluster = await activeCluster();
    const { kernel, counters } = cluster.node('fw1');
    const fw2 = cluster.node('fw2');
    // The kernel of this test does not count down: every packet of the stream has just come.
    kernel.born(flowOf({ ...udp, timeoutSeconds: 120 }));
    await cluster.clock.advance(100);
    fw2.kernel.log.length = 0;
    for (let second = 0; second < 600; second += 1) {
      await cluster.clock.advance(1_000);
      expect(remaining(fw2, flowOf(udp))).toBeGreaterThan(60);
    }
    expect(counters.touches).toBeGreaterThan(9);
    expect(counters.touches).toBeLessThan(21);
    // Its hold outlasts it on the standbys: nothing has to be done there.
    expect(fw2.kernel.log).toEqual([]);
  });

  it('K14 holds: neither ESTABLISHED TCP is touched nor a flow whose end has hardly moved', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.born(flowOf({ sport: 1, timeoutSeconds: 300 }));
    kernel.born(flowOf({ ...udp, sport: 2, timeoutSeconds: 120 }));
    await cluster.clock.advance(100);
    const before = batches(cluster);
    await cluster.clock.advance(25_000);
    expect(batches(cluster)).toBe(before);
    expect(remaining(cluster.node('fw2'), flowOf({ ...udp, sport: 2 }))).toBe(95);
  });

  it('K14 holds: what happens to a flow in the window of its touch is not lost', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ ...udp, timeoutSeconds: 120, mark: 1 }));
    await cluster.clock.advance(60_000);
    const { capture } = fw1.replicator.first.parts;
    capture.touch(flowOf({ ...udp, timeoutSeconds: 110, mark: 1 }));
    capture.handle(2, flowOf({ ...udp, timeoutSeconds: 120, mark: 2 }));
    capture.flush();
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').kernel.get(flowOf(udp))?.mark).toBe(2);
    expect(remaining(cluster.node('fw2'), flowOf(udp))).toBeGreaterThan(110);
  });
});

describe('K14 promotion', () => {
  const silent = { ...udp, sport: 1, timeoutSeconds: 50 };
  const live = { ...udp, sport: 2, timeoutSeconds: 50 };
  const closing = { sport: 3, state: finWait, timeoutSeconds: 8 };
  const tcp = { sport: 4, timeoutSeconds: 400_000 };

  async function clusterWithHolds(): Promise<{ cluster: FakeCluster; fw2: FakeNode }> {
    const cluster = await activeCluster();
    const fw2 = cluster.node('fw2');
    for (const spec of [silent, live, closing, tcp]) cluster.node('fw1').kernel.born(flowOf(spec));
    await cluster.clock.advance(100);
    for (const spec of [silent, live, closing]) {
      expect(fw2.kernel.get(flowOf(spec))!.timeoutSeconds).toBeGreaterThan(600);
    }
    return { cluster, fw2 };
  }

  const left = (node: FakeNode, spec: object): number =>
    node.kernel.get(flowOf(spec))!.timeoutSeconds;

  it('K14 holds end on promotion: a flow gets what it has left, a closing one never more', async () => {
    const { cluster, fw2 } = await clusterWithHolds();
    await cluster.clock.advance(5_000);
    cluster.node('fw1').connected = false;
    cluster.elect('fw2');
    fw2.setVrrp('MASTER');
    // A packet comes before the dump: the kernel has set the timeout itself.
    fw2.kernel.get(flowOf(live))!.timeoutSeconds = 119;
    await cluster.clock.advance(3_000);
    expect(fw2.replicator.first.parts.activation.state).toBe('active');
    expect(left(fw2, silent)).toBeLessThanOrEqual(45);
    expect(left(fw2, silent)).toBeGreaterThan(30);
    expect(left(fw2, live)).toBe(119);
    expect(left(fw2, closing)).toBeLessThanOrEqual(3);
    expect(left(fw2, tcp)).toBe(432_000);
    // What was left of a hold is no news of a flow.
    expect(remaining(fw2, flowOf(silent))).toBeLessThan(50);
  });

  it('K14 holds end on promotion: an overdue flow that is not closing gets some seconds', async () => {
    const { cluster, fw2 } = await clusterWithHolds();
    cluster.node('fw1').connected = false;
    cluster.elect('fw2');
    await cluster.clock.advance(49_000);
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(3_000);
    expect(left(fw2, silent)).toBe(10);
    expect(left(fw2, closing)).toBe(1);
  });

  it('K14 holds end without an activation when the node has been MASTER for ten seconds', async () => {
    const { cluster, fw2 } = await clusterWithHolds();
    fw2.connected = false;
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(9_000);
    expect(left(fw2, silent)).toBeGreaterThan(600);
    await cluster.clock.advance(2_000);
    expect(fw2.replicator.first.parts.activation.state).not.toBe('active');
    expect(left(fw2, silent)).toBeLessThan(50);
    expect(left(fw2, tcp)).toBe(432_000);
  });

  it('K14 holds are back within ten seconds after a demotion', async () => {
    const { cluster } = await clusterWithHolds();
    const fw1 = cluster.node('fw1');
    expect(left(fw1, silent)).toBe(50);
    cluster.node('fw2').setVrrp('MASTER');
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(10_000);
    expect(left(fw1, silent)).toBeGreaterThan(600);
    expect(fw1.kernel.count()).toBe(4);
  });
});

describe('K14 ends', () => {
  it('K14 nothing lives for ever: a flow that never came into the active kernel goes when its time is over', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.kernel.refuses = (verb) => (verb === 'create' ? 12 : 0);
    fw1.kernel.born(flowOf({ ...udp, timeoutSeconds: 100 }));
    await cluster.clock.advance(100);
    fw2.setVrrp('MASTER');
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(90_000);
    expect(cluster.node('fw3').table.size).toBe(1);
    await cluster.clock.advance(45_000);
    for (const node of cluster.nodes) expect(node.table.size).toBe(0);
    expect(cluster.node('fw3').kernel.count()).toBe(0);
  });
});

describe('K4 one-way flows', () => {
  const nat = { natTo: '192.168.1.7', natPort: 5353 };

  it('K4 admission: a flow that nobody answers is admitted when a later packet has moved its end', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.born(flowOf({ ...udp, ...unreplied, ...nat, timeoutSeconds: 30 }));
    await cluster.clock.advance(9_000);
    expect(cluster.node('fw2').table.size).toBe(0);
    await cluster.clock.advance(15_000);
    const copy = cluster.node('fw2').kernel.get(flowOf(udp));
    expect(copy!.replyL4 & 0xffff).toBe(5353);
  });

  it('K4 admission: neither a flood of single packets nor repeated handshakes are admitted by a dump', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    for (let sport = 1; sport <= 500; sport += 1) {
      kernel.born(flowOf({ ...udp, ...unreplied, sport, timeoutSeconds: 30 }));
    }
    kernel.born(flowOf({ ...unreplied, state: 1, timeoutSeconds: 120 }));
    for (let second = 0; second < 29; second += 1) {
      await cluster.clock.advance(1_000);
      for (const entry of kernel.entries.values()) {
        if (entry.protocol === 17) entry.timeoutSeconds -= 1;
      }
    }
    expect(cluster.node('fw2').table.size).toBe(0);
    expect(batches(cluster)).toBe(0);
  });
});

describe('K17 unobserved flows', () => {
  it('K17 unobserved flows: the paced dump finds their beginning, their changes and their end', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.unobserved(flowOf({ mark: 1, timeoutSeconds: 400_000 }));
    await cluster.clock.advance(11_000);
    const { kernel: copy } = cluster.node('fw2');
    expect(copy.get(flowOf())?.mark).toBe(1);
    kernel.get(flowOf())!.mark = 2;
    await cluster.clock.advance(11_000);
    expect(copy.get(flowOf())?.mark).toBe(2);
    kernel.vanished(flowOf());
    await cluster.clock.advance(22_000);
    expect(copy.count()).toBe(0);
  });
});

describe('reconcile', () => {
  it('compares when the quorum is regained', async () => {
    const cluster = await activeCluster();
    const fw2 = cluster.node('fw2');
    cluster.node('fw1').kernel.born(flowOf());
    await cluster.clock.advance(100);
    fw2.connected = false;
    await cluster.clock.advance(200);
    fw2.kernel.vanished(flowOf());
    fw2.connected = true;
    await cluster.clock.advance(300);
    expect(fw2.kernel.has(flowOf())).toBe(true);
    expect(fw2.replicator.first.parts.reconciler.last?.reason).toBe('quorum regained');
  });

  it('shows how far a round has come', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    for (let sport = 1; sport <= 3; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(100);
    const { reconciler } = fw1.replicator.first.parts;
    let seen: unknown = null;
    fw1.kernel.duringDump = () => {
      seen = reconciler.progress;
    };
    await fw1.replicator.reconcileNow('test');
    expect(seen).toEqual({
      reason: 'test',
      entries: 0,
      entriesExpected: 3,
      rows: 0,
      rowsExpected: 3,
    });
    expect(reconciler.progress).toBe(null);
  });
});
