import { FlowTable } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { ClusterState } from '../../src/cluster-state.ts';
import { CommandKind } from '../../src/command.ts';
import { activeCluster, type FakeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

/** The next start of the node finds no checkpoint (or one from before its last activation): the log is replayed. */
function loseCheckpoint(cluster: FakeCluster, node: FakeNode): void {
  node.table = new FlowTable({}, { nowMs: () => cluster.clock.nowMs() });
  node.state = new ClusterState();
  (node as { machine: unknown }).machine = undefined;
}

describe('activation', () => {
  it('A2: an own activation of a former life, met in the replay, does not start capture', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    for (let sport = 1; sport <= 5; sport += 1) {
      fw1.kernel.born(flowOf({ sport }));
      await cluster.clock.advance(20);
    }
    fw1.kill();
    loseCheckpoint(cluster, fw1);
    fw1.connected = false;
    await fw1.start();
    await cluster.clock.advance(20);
    fw1.connected = true;
    fw1.catchUp();
    await cluster.clock.advance(1_000);
    fw1.kernel.born(flowOf({ sport: 100 }));
    await cluster.clock.advance(1_000);
    expect(cluster.node('fw2').table.find(flowOf({ sport: 100 }))).toBeGreaterThanOrEqual(0);
    expect(fw1.state.group('default').epoch).toBeGreaterThan(1);
  });

  it('K9: a node that dies in the middle of its promotion does not delete what it had not injected yet', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    for (let sport = 1; sport <= 20; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(500);
    fw2.kill();
    fw2.kernel.reboot();
    fw2.kernelIncarnation = 'boot-2';
    fw1.setVrrp('BACKUP');
    fw1.connected = false;
    cluster.elect('fw3');
    await cluster.clock.advance(100);
    fw2.vrrp = 'MASTER';
    fw2.mastering = true;
    const execute = fw2.kernel.execute.bind(fw2.kernel);
    fw2.kernel.execute = () => new Promise(() => {});
    await fw2.start();
    await cluster.clock.advance(1_000);
    expect(fw2.state.group('default').node).toBe('fw2');
    fw2.kill();
    fw2.kernel.execute = execute;
    await fw2.start();
    await cluster.clock.advance(120_000);
    expect(fw2.kernel.count()).toBe(20);
    expect(cluster.node('fw3').table.size).toBe(20);
  });

  it('A3: a promotion that fails once is tried again', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf());
    await cluster.clock.advance(200);
    fw2.kill();
    fw2.vrrp = 'MASTER';
    fw2.mastering = true;
    fw1.setVrrp('BACKUP');
    const dump = fw2.kernel.dump.bind(fw2.kernel);
    fw2.kernel.dump = async () => {
      fw2.kernel.dump = dump;
      throw new Error('dump: EINTR');
    };
    await fw2.start();
    await cluster.clock.advance(10_000);
    expect(fw2.replicator.first.parts.activation.state).toBe('active');
  });

  it('K8: a create that is still in flight when capture starts anew does not raise a flow that has ended', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    let held: (() => void) | null = null;
    const propose = fw1.propose.bind(fw1);
    fw1.propose = async (command) => {
      if (held === null) await new Promise<void>((resolve) => (held = resolve));
      return propose(command);
    };
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(10);
    fw1.propose = propose;
    // The epoch is lost for a moment (an overrun of the outbox does the same), and the flow ends meanwhile.
    cluster.drops = (command) => command.kind === CommandKind.activate;
    fw1.replicator.first.parts.activation.restart();
    await cluster.clock.advance(10);
    fw1.kernel.died(flowOf({ sport: 1 }));
    held!();
    await cluster.clock.advance(100);
    cluster.drops = () => false;
    await cluster.clock.advance(120_000);
    expect(fw1.kernel.has(flowOf({ sport: 1 }))).toBe(false);
    expect(cluster.node('fw2').table.size).toBe(0);
  });
});

describe('K8, K9: what a standby lost before it became MASTER', () => {
  it('K8: a copy that the standby lost before the first sign of MASTER is created at promotion, not deleted everywhere', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    for (let sport = 1; sport <= 5; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(3_000);
    expect(fw2.kernel.count()).toBe(5);
    // A hold that ran out, or `conntrack -F` on the standby, a second before the fail-over.
    for (let sport = 1; sport <= 5; sport += 1) fw2.kernel.died(flowOf({ sport }));
    await cluster.clock.advance(1_000);
    fw1.connected = false;
    cluster.elect('fw3');
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(3_000);
    expect(fw2.kernel.count()).toBe(5);
    expect(cluster.node('fw3').table.size).toBe(5);
  });

  it('K9: the table is emptied although the activating node has not yet announced that it was rebooted', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').kernel.born(flowOf());
    await cluster.clock.advance(500);
    for (const node of cluster.nodes) {
      node.kill();
      node.kernel.reboot();
      node.kernelIncarnation = 'boot-2';
      node.vrrp = 'BACKUP';
      node.mastering = false;
    }
    await cluster.node('fw1').start();
    await cluster.node('fw3').start();
    await cluster.clock.advance(1_000);
    const fw2 = cluster.node('fw2');
    fw2.vrrp = 'MASTER';
    fw2.mastering = true;
    await fw2.start();
    await cluster.clock.advance(3_000);
    for (const node of cluster.nodes)
      expect([node.table.size, node.kernel.count()]).toEqual([0, 0]);
  });
});

describe('V1, K8: first sign of MASTER', () => {
  it('V1: a rebooted node with an empty kernel is not ready (nor level) because it has the address', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    for (let sport = 1; sport <= 5; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(500);
    fw2.kill();
    fw2.kernel.reboot();
    fw2.kernelIncarnation = 'boot-2';
    fw2.mastering = true;
    await fw2.start();
    await cluster.clock.advance(2_000);
    const missing = 5 - fw2.kernel.count();
    expect({ missing, level: fw2.state.member('fw2')!.level && missing > 0 }).toEqual({
      missing: expect.any(Number),
      level: false,
    });
    expect(missing > 0 && fw2.trackFile === 1).toBe(false);
  });

  it('K8: a node that starts with a sign of MASTER becomes a standby when the sign goes', async () => {
    const cluster = await activeCluster();
    const fw2 = cluster.node('fw2');
    fw2.kill();
    fw2.mastering = true;
    await fw2.start();
    await cluster.clock.advance(1_000);
    fw2.setMastering(false);
    await cluster.clock.advance(5_000);
    expect(fw2.replicator.first.applier.mode).toBe('standby');
  });
});

describe('K10 cleaning', () => {
  it('K10: a node that was restarted as MASTER is not cleaned at once when it is demoted', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kill();
    await fw1.start();
    await cluster.clock.advance(60_000);
    expect(fw1.replicator.first.parts.activation.state).toBe('active');
    cluster.drops = (command) => command.kind === CommandKind.batch;
    fw1.kernel.born(flowOf({ sport: 9 }));
    await cluster.clock.advance(50);
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(2_000);
    expect(fw1.kernel.has(flowOf({ sport: 9 }))).toBe(true);
  });

  it('K10: a node without contact to the others is not level, so its kernel is not cleaned', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.connected = false;
    cluster.elect('fw2');
    fw1.kernel.born(flowOf({ sport: 9 }));
    await cluster.clock.advance(100);
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(120_000);
    expect(fw1.kernel.has(flowOf({ sport: 9 }))).toBe(true);
  });
});

describe('K1 at collisions', () => {
  it('K1: a local flow (outside of the domain) with the same original tuple is not deleted', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const own = flowOf({ natTo: '192.168.0.20', natPort: 7 });
    fw2.kernel.born(own);
    fw1.kernel.born(flowOf({ natTo: '192.168.1.100', natPort: 9 }));
    await cluster.clock.advance(200);
    expect(fw2.kernel.get(own)!.replyL4 & 0xffff).toBe(7);
  });
});

describe('applier', () => {
  it('V1: the kernel index follows also while the queue never runs quite empty', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    await cluster.clock.advance(500);
    const execute = fw2.kernel.execute.bind(fw2.kernel);
    let sport = 1;
    let more = true;
    fw2.kernel.execute = async (batch) => {
      const results = await execute(batch);
      // While this send was under way the active node has committed another flow.
      if (more) {
        const { capture } = fw1.replicator.first.parts;
        capture.handle(1, flowOf({ sport: sport++ }));
        capture.flush();
        for (let i = 0; i < 8; i += 1) await Promise.resolve();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return results;
    };
    const before = fw2.replicator.first.applier.kernelIndex;
    fw1.kernel.born(flowOf({ sport: 60_000 }));
    for (let i = 0; i < 100; i += 1) await new Promise((resolve) => setImmediate(resolve));
    const after = fw2.replicator.first.applier.kernelIndex;
    const { log } = cluster;
    more = false;
    await cluster.clock.advance(100);
    expect(log.length).toBeGreaterThan(before + 20);
    expect(after).toBeGreaterThan(before + 10);
  });

  it('a send to the kernel that fails is neither an unhandled rejection nor called level', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    await cluster.clock.advance(500);
    const execute = fw2.kernel.execute.bind(fw2.kernel);
    fw2.kernel.execute = async () => {
      fw2.kernel.execute = execute;
      throw new Error('all places are taken');
    };
    fw1.kernel.born(flowOf());
    await cluster.clock.advance(100);
    const { kernelIndex } = fw2.replicator.first.applier;
    expect(kernelIndex >= fw2.machine.appliedIndex && !fw2.kernel.has(flowOf())).toBe(false);
  });
});

describe('track file', () => {
  it('a track file that cannot be written (disk full) does not stop apply, nor the way out after a storage failure', async () => {
    const cluster = await activeCluster();
    const fw2 = cluster.node('fw2');
    await cluster.clock.advance(500);
    Object.defineProperty(fw2, 'trackFile', {
      get: () => 1,
      set: () => {
        throw new Error('ENOSPC');
      },
    });
    const handover = { kind: CommandKind.handover, group: 'default', target: 'fw3' } as const;
    expect(() => cluster.inject(handover)).not.toThrow();
    expect(() => fw2.replicator.fail('the disk is full')).not.toThrow();
  });
});

describe('limits', () => {
  it('a storm of overruns does not queue up a dump each', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    await cluster.clock.advance(1_000);
    fw1.kernel.dumps = 0;
    for (let i = 0; i < 100; i += 1) fw1.kernel.overrun();
    for (let i = 0; i < 600; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(fw1.kernel.dumps).toBeLessThanOrEqual(3);
  });

  it('a dump that goes on after the epoch ended does not fill a window that nobody sends', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    cluster.drops = (command) => command.kind === CommandKind.batch;
    for (let sport = 1; sport <= 3_000; sport += 1) {
      fw1.kernel.entries.set(String(sport), flowOf({ sport }));
    }
    fw1.kernel.duringDump = () => fw1.setVrrp('BACKUP');
    await fw1.replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect(fw1.replicator.first.parts.capture.running).toBe(false);
    expect(fw1.replicator.first.parts.capture.oldestUncommittedMs).toBe(0);
  });
});
