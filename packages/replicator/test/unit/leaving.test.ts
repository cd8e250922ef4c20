import { describe, expect, it } from 'vitest';
import { CommandKind } from '../../src/command.ts';
import { activeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

describe('V4 leaving', () => {
  it('V4 leaving: capture goes on until another node is active, and nothing captured is lost', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const left = fw1.replicator.leave();
    await cluster.clock.advance(500);
    expect(fw1.trackFile).toBe(0);
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    expect(fw2.table.size).toBe(1);
    fw2.setVrrp('MASTER');
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(200);
    await left;
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw2', released: false });
  });

  it('V4 leaving: also after VRRP has taken MASTER away, until another node is active', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const left = fw1.replicator.leave();
    await cluster.clock.advance(100);
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(300);
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    expect(fw2.table.size).toBe(1);
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw1', released: false });
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(200);
    await left;
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw2', epoch: 2 });
  });

  it('V4 leaving: nobody is waited for who could not take over', async () => {
    const cluster = await activeCluster();
    cluster.node('fw2').connected = false;
    cluster.node('fw3').connected = false;
    const started = cluster.clock.nowMs();
    const left = cluster.node('fw1').replicator.leave();
    await cluster.clock.advance(50);
    await left;
    expect(cluster.clock.nowMs() - started).toBeLessThan(100);
    expect(cluster.node('fw1').state.group('default').released).toBe(true);
  });

  it('V4 leaving: what was captured in the last window is in the log before the release', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    const { capture } = fw1.replicator.first.parts;
    for (let sport = 1; sport <= 3; sport += 1) capture.handle(1, flowOf({ sport }));
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(100);
    expect(cluster.node('fw3').table.size).toBe(3);
    const kinds = cluster.commands().map(({ kind }) => kind);
    expect(kinds.lastIndexOf(CommandKind.batch)).toBeLessThan(
      kinds.lastIndexOf(CommandKind.release),
    );
  });
});

describe('V6 and holds', () => {
  it('A3 a demoted kernel keeps its flows, and its own TCP windows are excused as those of injected flows', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    // With the time that a hold has: nothing else is to be changed of it.
    fw1.kernel.born(flowOf({ sport: 1, timeoutSeconds: 432_000 }));
    fw1.kernel.born(flowOf({ sport: 2, protocol: 17 }));
    await cluster.clock.advance(200);
    fw1.kernel.log.length = 0;
    fw2.setVrrp('MASTER');
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(300);
    expect(fw1.kernel.log).toContain('update 1');
    expect(fw1.kernel.entries.size).toBe(2);
  });

  it('A3 a node that was MASTER for a moment leaves the flows alone that it got from others', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ sport: 1, timeoutSeconds: 432_000 }));
    await cluster.clock.advance(200);
    expect(fw2.kernel.log).toContain('create 1');
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(50);
    fw2.setVrrp('BACKUP');
    await cluster.clock.advance(300);
    expect(fw2.kernel.log).not.toContain('update 1');
  });

  it('V6 second master: the refused one tells VRRP that it is not ready', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    expect(fw1.trackFile).toBe(1);
    cluster.node('fw2').setVrrp('MASTER');
    await cluster.clock.advance(300);
    expect(fw1.trackFile).toBe(0);
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(300);
    expect(fw1.trackFile).toBe(1);
  });

  it('K14 holds: a standby keeps flows longer than they have left, and restores a hold that was undone', async () => {
    const cluster = await activeCluster();
    const { kernel, replicator } = cluster.node('fw2');
    cluster.node('fw1').kernel.born(flowOf({ sport: 1, protocol: 17, timeoutSeconds: 30 }));
    cluster.node('fw1').kernel.born(flowOf({ sport: 2, timeoutSeconds: 77 }));
    await cluster.clock.advance(100);
    expect(kernel.get(flowOf({ sport: 1, protocol: 17 }))?.timeoutSeconds).toBe(630);
    expect(kernel.get(flowOf({ sport: 2 }))?.timeoutSeconds).toBe(432_000);
    kernel.get(flowOf({ sport: 1, protocol: 17 }))!.timeoutSeconds = 20;
    await replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect(kernel.get(flowOf({ sport: 1, protocol: 17 }))?.timeoutSeconds).toBeGreaterThan(600);
  });

  it('V3 a node that starts as MASTER keeps its track file until it could be ready, any other says 0 at once', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    for (const node of [fw1, fw2]) {
      node.kill();
      node.connected = false;
      expect(node.trackFile).toBe(1);
      await node.start();
    }
    await cluster.clock.advance(2_000);
    expect([fw1.trackFile, fw2.trackFile]).toEqual([1, 0]);
    await cluster.clock.advance(15_000);
    expect(fw1.trackFile).toBe(0);
  });
});
