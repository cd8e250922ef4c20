import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/admin.ts';
import { CommandKind } from '../../src/command.ts';
import { FakeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

/** Two firewalls and a witness; the first is MASTER and active. */
async function witnessedCluster(): Promise<FakeCluster> {
  const cluster = await new FakeCluster(['fw1', 'fw2', 'w'], ['w']).start();
  cluster.node('fw1').setVrrp('MASTER');
  await cluster.clock.advance(300);
  return cluster;
}

function admin({ witness }: FakeNode): Admin {
  return new Admin({ vrrpMode: null, transferTimeoutMs: 1_000 }, witness);
}

describe('V10 witness', () => {
  it('keeps the table and never a kernel, is never ready or active, and says so', async () => {
    const cluster = await witnessedCluster();
    const [fw1, w] = [cluster.node('fw1'), cluster.node('w')];
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(15_000);
    expect(w.table.size).toBe(1);
    expect(w.kernel).toMatchObject({ dumps: 0, log: [] });
    const status = admin(w).status();
    expect(status).toMatchObject({ witness: true, ready: false, active: 'fw1', flows: 1 });
    expect(status.notReadyReason).toMatch(/witness/);
    expect(status.kernel.entriesInKernel).toBeNull();
    const sayings = new Admin({ vrrpMode: 'follow', transferTimeoutMs: 1_000 }, fw1.replicator);
    expect(sayings.status().witness).toBe(false);
    expect(sayings.status().members).toMatchObject([
      { id: 'fw1', level: true, witness: false },
      { id: 'fw2', level: true, witness: false },
      { id: 'w', level: false, witness: true },
    ]);
  });

  it('gives leadership to the holder, and to another level member if that would not have it', async () => {
    const cluster = await witnessedCluster();
    cluster.elect('w');
    await cluster.clock.advance(100);
    expect(cluster.leader).toBe('fw1');
    cluster.unfit.add('fw1');
    cluster.elect('w');
    await cluster.clock.advance(1_000);
    expect(cluster.leader).toBe('fw2');
  });

  it('gives leadership to a member that is not level when no other is left', async () => {
    const cluster = new FakeCluster(['w', 'fw1'], ['w']);
    cluster.drops = ({ kind }) => kind === CommandKind.level;
    await cluster.start();
    await cluster.clock.advance(1_000);
    expect(cluster.node('w').state.member('fw1')?.level).toBe(false);
    expect(cluster.leader).toBe('fw1');
  });

  it('ends, as the leader, the epoch of a holder that it lost, so that the other firewall may write', async () => {
    const cluster = await witnessedCluster();
    cluster.unfit.add('fw2');
    cluster.node('fw1').connected = false;
    cluster.elect('w');
    await cluster.clock.advance(1_000);
    const released = cluster.commands().filter(({ kind }) => kind === CommandKind.release);
    expect(released).toMatchObject([{ node: 'fw1', epoch: 1, reason: 'lost' }]);
    cluster.node('fw2').setVrrp('MASTER');
    await cluster.clock.advance(300);
    expect(cluster.node('w').state.group('default')).toMatchObject({ node: 'fw2', epoch: 2 });
  });

  it('vouches for no table: with no firewall left whose kernel was level, the table is emptied (K9)', async () => {
    const cluster = await witnessedCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(500);
    for (const id of ['fw1', 'fw2']) {
      cluster.node(id).kill();
      cluster.node(id).kernelIncarnation = 'boot-2';
      cluster.node(id).kernel.entries.clear();
      cluster.node(id).vrrp = 'BACKUP';
    }
    for (const id of ['fw1', 'fw2']) await cluster.node(id).start();
    cluster.node('fw2').setVrrp('MASTER');
    await cluster.clock.advance(3_000);
    expect(cluster.node('w').state.group('default')).toMatchObject({ node: 'fw2' });
    expect(cluster.node('w').table.size).toBe(0);
  });

  it('answers for its table when the members are compared', async () => {
    const cluster = await witnessedCluster();
    cluster.node('fw1').kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(500);
    const comparison = admin(cluster.node('w')).verify(false);
    await cluster.clock.advance(5_000);
    const report = await comparison;
    expect(report).toMatchObject({ equal: true });
    expect(report.nodes.map(({ answered }) => answered)).toEqual([true, true, true]);
  });
});
