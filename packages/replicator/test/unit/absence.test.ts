import { describe, expect, it } from 'vitest';
import { CommandKind } from '../../src/command.ts';
import { captureDefaults } from '../../src/options.ts';
import { activeCluster } from '../support/fake-cluster.ts';
import { flowOf, Status } from '../support/flows.ts';
import { settle } from '../support/manual-clock.ts';

describe('K9 absence', () => {
  it('K9 absence proves little: a rebooted node that gets the address at once deletes nothing', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    for (let sport = 1; sport <= 20; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(100);
    fw2.kill();
    fw2.kernel.reboot();
    fw2.kernelIncarnation = 'boot-2';
    fw1.setVrrp('BACKUP');
    fw2.vrrp = 'MASTER';
    fw2.mastering = true;
    await fw2.start();
    await cluster.clock.advance(120_000);
    expect(cluster.node('fw3').table.size).toBe(20);
    expect(fw2.kernel.count()).toBe(20);
    expect(fw1.kernel.count()).toBe(20);
  });

  it('K9 absence proves little: a flow goes by absence only after two dumps, and only if it was seen here', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    fw1.kernel.vanished(flowOf({ sport: 1 }));
    await fw1.replicator.reconcileNow('first');
    await cluster.clock.advance(100);
    expect(fw1.table.size).toBe(1);
    await fw1.replicator.reconcileNow('second');
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').table.size).toBe(0);
  });

  it('K9 absence proves little: more flows than may wait are found gone at once: page by page, in one epoch', {
    timeout: 60_000,
  }, async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kill();
    const capture = { ...captureDefaults, pendingFlowsMax: 1_900, windowOperationsMax: 200 };
    await fw1.start({ capture });
    await cluster.clock.advance(300);
    const flows = Array.from({ length: 2_000 }, (_, sport) => flowOf({ sport }));
    const compare = async (): Promise<void> => {
      await Promise.all([fw1.replicator.reconcileNow('test'), cluster.clock.advance(20)]);
    };
    for (const half of [flows.slice(0, 1_000), flows.slice(1_000)]) {
      for (const flow of half) fw1.kernel.unobserved(flow);
      await compare();
    }
    expect(fw1.table.size).toBe(flows.length);
    for (const flow of flows) fw1.kernel.vanished(flow);
    await compare();
    await compare();
    await cluster.clock.advance(20);
    expect(fw1.table.size).toBe(0);
    expect(fw1.counters.captureRestarts).toBe(0);
  });

  it('K9 absence proves little: a flow that dies while a dump runs is not reported by the dump again', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    fw1.kernel.duringDump = () => fw1.kernel.died(flowOf({ sport: 1 }));
    await fw1.replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect(fw1.table.size).toBe(0);
  });

  it('K9 absence proves little: a flow that is gone by the time its page of the dump is read stays gone', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    fw1.kernel.duringDump = async () => {
      fw1.kernel.died(flowOf({ sport: 1 }));
      await settle();
      expect(fw1.table.size).toBe(0);
    };
    await fw1.replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect(fw1.table.size).toBe(0);
  });

  it('K9 absence proves little: a flow that never was in this kernel does not go by absence', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.kernel.refuses = (verb) => (verb === 'create' ? 12 : 0);
    fw1.kernel.born(flowOf({ sport: 1, timeoutSeconds: 432_000 }));
    await cluster.clock.advance(100);
    fw2.setVrrp('MASTER');
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(120_000);
    expect(fw2.replicator.first.parts.activation.state).toBe('active');
    expect(cluster.node('fw3').table.size).toBe(1);
  });

  it('K4 admission: a dump reports no flow that has not shown a reply', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ sport: 1, status: Status.confirmed, state: 1 }));
    await fw1.replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect(fw1.table.size).toBe(0);
  });

  it('K9 absence proves little: a standby that starts injects only after it has heard a living active node', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    fw1.kill();
    fw2.kill();
    fw2.kernel.reboot();
    fw2.kernelIncarnation = 'boot-2';
    await fw2.start();
    await cluster.clock.advance(5_000);
    expect(fw2.kernel.count()).toBe(0);
    expect(fw2.replicator.first.parts.readiness.reason).toMatch(/active node/);
    cluster.node('fw3').setVrrp('MASTER');
    await cluster.clock.advance(3_000);
    expect(fw2.kernel.count()).toBe(1);
    expect(fw2.trackFile).toBe(1);
  });

  it('K9 absence proves little: an idle active node gives a sign of life every two seconds', async () => {
    const cluster = await activeCluster();
    const before = cluster.log.length;
    await cluster.clock.advance(10_000);
    const alive = cluster
      .commands()
      .slice(before)
      .filter(({ kind }) => kind === CommandKind.alive);
    expect(alive.length).toBeGreaterThanOrEqual(4);
    expect(alive.length).toBeLessThanOrEqual(6);
  });

  it('K9 absence proves little: if no kernel that was ever level lives, an activation empties the table', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(500);
    for (const node of cluster.nodes) {
      node.kill();
      node.kernel.reboot();
      node.kernelIncarnation = 'boot-2';
      node.vrrp = 'BACKUP';
      node.mastering = false;
    }
    for (const node of cluster.nodes) await node.start();
    await cluster.clock.advance(1_000);
    cluster.node('fw2').setVrrp('MASTER');
    await cluster.clock.advance(3_000);
    for (const node of cluster.nodes)
      expect([node.table.size, node.kernel.count()]).toEqual([0, 0]);
  });

  it('K9 absence proves little: nor does it when all machines come back and one is MASTER at once', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(500);
    for (const node of cluster.nodes) {
      node.kill();
      node.kernel.reboot();
      node.kernelIncarnation = 'boot-2';
      node.vrrp = node.id === 'fw1' ? 'MASTER' : 'BACKUP';
      node.mastering = node.vrrp === 'MASTER';
    }
    for (const node of cluster.nodes) await node.start();
    await cluster.clock.advance(5_000);
    expect(cluster.node('fw1').replicator.first.parts.activation.state).toBe('active');
    for (const node of cluster.nodes)
      expect([node.table.size, node.kernel.count()]).toEqual([0, 0]);
  });

  it('K9 absence proves little: a member that is not in contact vouches for nothing', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(500);
    for (const node of cluster.nodes) {
      node.kill();
      node.kernel.reboot();
      node.kernelIncarnation = 'boot-2';
    }
    const [fw1, fw2, fw3] = ['fw1', 'fw2', 'fw3'].map((id) => cluster.node(id));
    fw3!.connected = false;
    await fw1!.start();
    await fw2!.start();
    await cluster.clock.advance(5_000);
    for (const node of [fw1!, fw2!]) expect([node.table.size, node.kernel.count()]).toEqual([0, 0]);
  });

  it('K9 absence proves little: one member whose kernel lived on vouches for the flows of all', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(500);
    for (const node of cluster.nodes) {
      node.kill();
      if (node.id === 'fw3') continue;
      node.kernel.reboot();
      node.kernelIncarnation = 'boot-2';
    }
    cluster.node('fw2').setVrrp('MASTER');
    cluster.node('fw1').setVrrp('BACKUP');
    for (const node of cluster.nodes) await node.start();
    await cluster.clock.advance(5_000);
    for (const node of cluster.nodes) expect(node.kernel.count()).toBe(1);
  });

  it('K9 absence proves little: a restarted active node does not raise flows that ended meanwhile', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ sport: 1 }));
    fw1.kernel.born(flowOf({ sport: 2 }));
    await cluster.clock.advance(100);
    fw1.kill();
    fw1.kernel.vanished(flowOf({ sport: 1 }));
    await fw1.start();
    await cluster.clock.advance(65_000);
    expect(fw1.kernel.count()).toBe(1);
    expect(cluster.node('fw2').table.size).toBe(1);
  });
});
