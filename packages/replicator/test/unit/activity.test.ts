import { OperationWriter } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { CommandKind } from '../../src/command.ts';
import { activeCluster, FakeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

function upsert(sport: number): Uint8Array {
  const writer = new OperationWriter();
  writer.create(flowOf({ sport }));
  return writer.finish();
}

const batch = { kind: CommandKind.batch, group: 'default', epoch: 1, node: 'fw1' } as const;

describe('activity', () => {
  it('A1 sequence: takes only the next batch, answers a lower one as done, refuses a higher one', async () => {
    const cluster = await activeCluster();
    expect(cluster.inject({ ...batch, sequence: 2, operations: upsert(2) })).toMatchObject({
      reason: 'gap',
    });
    expect(cluster.inject({ ...batch, sequence: 1, operations: upsert(1) }).kind).toBe('accepted');
    expect(cluster.inject({ ...batch, sequence: 1, operations: upsert(9) }).kind).toBe('duplicate');
    expect(cluster.node('fw2').table.size).toBe(1);
    expect(cluster.node('fw2').table.find(flowOf({ sport: 9 }))).toBe(-1);
  });

  it('A1 sequence: a batch that a leader change dropped is sent again before what follows it', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    let drop = 1;
    cluster.drops = (command) => command.kind === CommandKind.batch && drop-- > 0;
    fw1.kernel.born(flowOf({ sport: 5 }));
    await cluster.clock.advance(10);
    fw1.kernel.died(flowOf({ sport: 5 }));
    await cluster.clock.advance(1_000);
    for (const node of cluster.nodes) expect(node.table.size).toBe(0);
    const sequences = cluster
      .commands()
      .flatMap((c) => (c.kind === CommandKind.batch ? [c.sequence] : []));
    expect(sequences).toContain(1);
    expect(sequences).toContain(2);
  });

  it('A2 own activation first: nothing is proposed before it, and every start of capture is a new activation', async () => {
    const cluster = await new FakeCluster(['fw1', 'fw2', 'fw3']).start();
    const fw1 = cluster.node('fw1');
    cluster.drops = (command) => command.kind === CommandKind.activate;
    fw1.setVrrp('MASTER');
    fw1.kernel.born(flowOf());
    await cluster.clock.advance(500);
    expect(cluster.commands().some(({ kind }) => kind === CommandKind.batch)).toBe(false);
    cluster.drops = () => false;
    await cluster.clock.advance(500);
    expect(fw1.table.size).toBe(1);
    fw1.kill();
    await fw1.start();
    await cluster.clock.advance(500);
    const epochs = cluster
      .commands()
      .flatMap((c) => (c.kind === CommandKind.activate ? [c.expectedEpoch] : []));
    expect(epochs).toEqual([0, 1]);
    expect(fw1.state.group('default')).toMatchObject({ epoch: 2, node: 'fw1', released: false });
  });

  it('A3 holder and loser: the loser of two MASTERs stays refused and reports it until the holder leaves', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(500);
    expect(fw2.state.group('default')).toMatchObject({ node: 'fw2', epoch: 2 });
    expect(fw1.replicator.first.parts.activation.splitVip).toBe(true);
    await cluster.clock.advance(10_000);
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw2', epoch: 2 });
    fw2.setVrrp('BACKUP');
    await cluster.clock.advance(100);
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw1', epoch: 3, released: false });
    expect(fw1.replicator.first.parts.activation.splitVip).toBe(false);
  });

  it('A3 holder and loser: two that ask at once do not swap, the first in the log keeps the epoch', async () => {
    const cluster = await new FakeCluster(['fw1', 'fw2', 'fw3']).start();
    cluster.node('fw2').setVrrp('MASTER');
    cluster.node('fw3').setVrrp('MASTER');
    await cluster.clock.advance(3_000);
    const decided = cluster.node('fw1').replicator.activations.decided;
    expect(decided.map(({ outcome }) => outcome.kind)).toEqual(['accepted', 'refused']);
    expect(cluster.node('fw3').replicator.first.parts.activation.state).toBe('refused');
  });

  it('A3 holder and loser: the epoch of a holder out of contact for an election timeout is released by the leader', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2, fw3] = cluster.nodes;
    fw1!.setVrrp('BACKUP');
    fw3!.setVrrp('MASTER');
    await cluster.clock.advance(300);
    fw2!.setVrrp('MASTER');
    await cluster.clock.advance(300);
    expect(fw3!.replicator.first.parts.activation.state).toBe('refused');
    fw2!.connected = false;
    await cluster.clock.advance(400);
    expect(fw3!.replicator.first.parts.activation.state).toBe('refused');
    await cluster.clock.advance(600);
    expect(fw3!.replicator.first.parts.activation.state).toBe('active');
    expect(fw1!.state.group('default').node).toBe('fw3');
  });

  it('A3 holder and loser: batches of a deposed node are refused on all members', async () => {
    const cluster = await activeCluster();
    cluster.node('fw2').setVrrp('MASTER');
    await cluster.clock.advance(300);
    expect(cluster.inject({ ...batch, sequence: 1, operations: upsert(1) })).toMatchObject({
      kind: 'refused',
      reason: 'stale-epoch',
    });
    for (const node of cluster.nodes)
      expect(node.counters.operationsRefused['stale-epoch']).toBe(1);
  });

  it('A4 attempt id: the same attempt again is a success, another one with the old epoch is not', async () => {
    const cluster = await new FakeCluster(['fw1', 'fw2', 'fw3']).start();
    const activate = {
      kind: CommandKind.activate,
      group: 'default',
      node: 'fw1',
      attempt: 'one',
      expectedEpoch: 0,
      rollCallIndex: 0,
      kernelIncarnation: 'boot-1',
    } as const;
    expect(cluster.inject(activate).kind).toBe('accepted');
    expect(cluster.inject(activate).kind).toBe('duplicate');
    expect(cluster.inject({ ...activate, attempt: 'two' })).toMatchObject({
      reason: 'epoch-moved',
    });
    expect(cluster.node('fw1').state.group('default').epoch).toBe(1);
  });

  it('A5 VRRP names the active node: leadership is asked for after three seconds of activity, not before', async () => {
    const cluster = await activeCluster();
    cluster.node('fw2').setVrrp('MASTER');
    cluster.node('fw1').setVrrp('BACKUP');
    await cluster.clock.advance(2_500);
    expect(cluster.node('fw1').state.group('default').node).toBe('fw2');
    expect(cluster.leader).toBe('fw1');
    await cluster.clock.advance(1_000);
    expect(cluster.leader).toBe('fw2');
  });

  it('A5 VRRP names the active node: a node that leaves MASTER commits a release of its epoch', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').setVrrp('BACKUP');
    await cluster.clock.advance(100);
    expect(cluster.node('fw3').state.group('default')).toMatchObject({ epoch: 1, released: true });
  });
});
