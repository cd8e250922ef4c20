import { OperationWriter } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/admin.ts';
import { CommandKind } from '../../src/command.ts';
import { GroupSelectors } from '../../src/group-selectors.ts';
import { SlotFlag } from '../../src/local-flag.ts';
import type { GroupOptions } from '../../src/options.ts';
import { FakeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { endOf, flowOf } from '../support/flows.ts';

const groups: readonly GroupOptions[] = [
  {
    name: 'blue',
    select: { zones: [], prefixes: ['192.168.1.100/32'] },
    virtualAddresses: ['192.168.1.100'],
  },
  {
    name: 'red',
    select: { zones: [7], prefixes: ['192.168.1.101/32'] },
    virtualAddresses: ['192.168.1.101'],
  },
];

const blueFlow = (sport: number) => flowOf({ sport, natTo: '192.168.1.100' });
const redFlow = (sport: number) => flowOf({ sport, natTo: '192.168.1.101' });
const nobodysFlow = (sport: number) => flowOf({ sport, natTo: '192.168.1.102' });

/** Three nodes: the first is active for blue, the second for red. */
async function twoGroups(): Promise<FakeCluster> {
  const cluster = await new FakeCluster(['fw1', 'fw2', 'fw3'], [], groups).start();
  cluster.node('fw1').setRole('blue', 'MASTER');
  cluster.node('fw2').setRole('red', 'MASTER');
  await cluster.clock.advance(500);
  return cluster;
}

function modes({ replicator }: FakeNode): string[] {
  return replicator.groups.map(({ applier }) => applier.mode);
}

describe('A6 groups have selectors', () => {
  it('a flow belongs to the first group that has its zone or an address of either tuple', () => {
    const selectors = new GroupSelectors(groups);
    expect(selectors.indexOf(blueFlow(1))).toBe(0);
    expect(selectors.indexOf(redFlow(1))).toBe(1);
    expect(selectors.indexOf(flowOf({ dst: '192.168.1.101' }))).toBe(1);
    expect(selectors.indexOf(nobodysFlow(1))).toBe(-1);
    const zoned = nobodysFlow(1);
    zoned.zone = 7;
    expect(selectors.indexOf(zoned)).toBe(1);
    const both = blueFlow(1);
    both.zone = 7;
    expect(selectors.indexOf(both)).toBe(0);
    expect(selectors.indexOf(flowOf({ src: 'fd00::1', dst: 'fd00::2' }))).toBe(-1);
  });

  it('one group has every flow, whatever it selects', () => {
    expect(new GroupSelectors([groups[0]!]).indexOf(redFlow(1))).toBe(0);
  });

  it("each group's flows are captured on its own active node and brought into the other kernels", async () => {
    const cluster = await twoGroups();
    const [fw1, fw2, fw3] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    expect(modes(fw1)).toEqual(['active', 'standby']);
    expect(modes(fw2)).toEqual(['standby', 'active']);
    fw1.kernel.born(blueFlow(1));
    fw2.kernel.born(redFlow(2));
    await cluster.clock.advance(500);
    for (const { table, kernel } of cluster.nodes) {
      expect(table.size).toBe(2);
      expect(kernel.entries.size).toBe(2);
    }
    expect(fw1.kernel.log).toHaveLength(1);
    expect(fw2.kernel.log).toHaveLength(1);
    expect(fw3.kernel.log).toHaveLength(2);
    const writers = cluster
      .commands()
      .flatMap((it) => (it.kind === CommandKind.batch ? [[it.group, it.node, it.epoch]] : []));
    expect(writers).toEqual([
      ['blue', 'fw1', 1],
      ['red', 'fw2', 1],
    ]);
    fw1.kernel.died(endOf(blueFlow(1)));
    await cluster.clock.advance(500);
    expect(fw2.table.size).toBe(1);
    expect(fw2.kernel.entries.size).toBe(1);
  });

  it("the active node of one group neither proposes the other group's flows nor lets them go", async () => {
    const cluster = await twoGroups();
    const [fw1, fw2] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw2.kernel.born(redFlow(2));
    await cluster.clock.advance(500);
    fw1.kernel.died(endOf(redFlow(2)));
    fw1.kernel.born(redFlow(3));
    await cluster.clock.advance(30_000);
    expect(fw2.table.size).toBe(1);
    expect(fw2.kernel.entries.size).toBe(1);
    // A hold that ran out: this kernel follows the table in that group.
    expect(fw1.kernel.has(redFlow(2))).toBe(true);
  });

  it('reconciles inside of a group only: a dump proposes and mends only its flows', async () => {
    const cluster = await twoGroups();
    const [fw1, fw2] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw1.kernel.unobserved(blueFlow(1));
    fw1.kernel.unobserved(redFlow(9));
    fw1.kernel.unobserved(nobodysFlow(5));
    fw2.kernel.unobserved(redFlow(2));
    await Promise.all([
      fw1.replicator.reconcileNow('test'),
      fw2.replicator.reconcileNow('test'),
      cluster.clock.advance(1_000),
    ]);
    for (const { table } of cluster.nodes) {
      expect(table.size).toBe(2);
      expect(table.find(blueFlow(1))).toBeGreaterThanOrEqual(0);
      expect(table.find(redFlow(2))).toBeGreaterThanOrEqual(0);
    }
    expect(fw1.counters.kernelDigestsDifferent).toBe(0);
  });

  it('compares one group after the other: they mark the same rows, and neither has the whole table', async () => {
    const cluster = await twoGroups();
    const [fw1, fw2, fw3] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    for (const sport of [1, 2, 3]) fw1.kernel.born(blueFlow(sport));
    for (const sport of [4, 5, 6]) fw2.kernel.born(redFlow(sport));
    await cluster.clock.advance(500);
    const rounds = fw3.replicator.groups.map(({ parts }) => parts.reconciler.run('test', 'repair'));
    await cluster.clock.advance(500);
    for (const round of await Promise.all(rounds)) {
      expect(round).toMatchObject({ created: 0, updated: 0, deleted: 0 });
    }
    expect(fw3.counters.kernelDigestsDifferent).toBe(0);
  });

  it("a promotion says nothing of the other group's rows (K8)", async () => {
    const cluster = await twoGroups();
    const [fw1, fw2] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw1.kernel.refuses = () => 12;
    fw2.kernel.born(redFlow(2));
    await cluster.clock.advance(500);
    const slot = fw1.table.find(redFlow(2));
    expect(fw1.table.localFlags(slot) & SlotFlag.seenInKernel).toBe(0);
    fw1.replicator.first.parts.activation.restart();
    await cluster.clock.advance(500);
    expect(fw1.state.group('blue')).toMatchObject({ node: 'fw1', epoch: 2, promoted: true });
    expect(fw1.table.localFlags(slot) & SlotFlag.seenInKernel).toBe(0);
  });

  it('leaves alone, and counts, what no group selects', async () => {
    const cluster = await twoGroups();
    const [fw1] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw1.kernel.born(nobodysFlow(5));
    await cluster.clock.advance(30_000);
    expect(fw1.table.size).toBe(0);
    expect(fw1.kernel.entries.size).toBe(1);
    expect(fw1.counters.outsideGroups).toBe(1);
  });

  it('when a node dies both groups go on where the other is, each under its own epoch', async () => {
    const cluster = await twoGroups();
    const [fw1, fw2] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw1.kernel.born(blueFlow(1));
    fw2.kernel.born(redFlow(2));
    await cluster.clock.advance(500);
    fw1.kill();
    fw1.connected = false;
    cluster.elect('fw3');
    await cluster.clock.advance(1_000);
    fw2.setRole('blue', 'MASTER');
    await cluster.clock.advance(1_000);
    expect(modes(fw2)).toEqual(['active', 'active']);
    expect(fw2.state.group('blue')).toMatchObject({ node: 'fw2', epoch: 2 });
    expect(fw2.state.group('red')).toMatchObject({ node: 'fw2', epoch: 1 });
    expect(fw2.kernel.entries.size).toBe(2);
    fw2.kernel.died(endOf(blueFlow(1)));
    await cluster.clock.advance(500);
    expect(fw2.table.size).toBe(1);
  });

  it("only the first group's active node asks for leadership (A5)", async () => {
    const cluster = await twoGroups();
    cluster.elect('fw3');
    await cluster.clock.advance(3_500);
    expect(cluster.leader).toBe('fw1');
    cluster.node('fw1').setRole('blue', 'BACKUP');
    cluster.elect('fw3');
    await cluster.clock.advance(10_000);
    expect(cluster.leader).toBe('fw3');
  });

  it('a lost address stops the deletes of its own group (K6), one of the node itself those of all', async () => {
    const cluster = await twoGroups();
    const [fw1] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw1.setRole('red', 'MASTER');
    const own = fw1.addresses;
    fw1.setAddresses([...own, '192.168.1.100', '192.168.1.101']);
    await cluster.clock.advance(500);
    for (const sport of [1, 2]) fw1.kernel.born(blueFlow(sport));
    await cluster.clock.advance(500);
    fw1.setAddresses([...own, '192.168.1.100']);
    fw1.kernel.cutShort(blueFlow(1));
    await cluster.clock.advance(2_000);
    expect(fw1.table.size).toBe(1);
    fw1.setAddresses(['192.168.1.100']);
    fw1.kernel.cutShort(blueFlow(2));
    await cluster.clock.advance(2_000);
    expect(fw1.table.size).toBe(1);
  });

  it('an activation that no living kernel vouches for empties its own group (K9)', async () => {
    const cluster = await twoGroups();
    const [fw1, fw2] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw1.kernel.born(blueFlow(1));
    fw2.kernel.born(redFlow(2));
    await cluster.clock.advance(500);
    cluster.inject({
      kind: CommandKind.activate,
      ...{ group: 'blue', node: 'fw9', attempt: 'a', expectedEpoch: 1, kernelIncarnation: 'new' },
      rollCallIndex: cluster.log.length + 1,
    });
    for (const { table } of cluster.nodes) {
      expect(table.size).toBe(1);
      expect(table.find(redFlow(2))).toBeGreaterThanOrEqual(0);
    }
  });

  it('reads a log from before there were several groups: its flows belong to whom their rows say', async () => {
    const cluster = await new FakeCluster(['fw1', 'fw2', 'fw3'], [], groups).start();
    const writer = new OperationWriter();
    for (const flow of [blueFlow(1), redFlow(2)]) writer.create(flow);
    const old = { group: 'default', node: 'fw9', epoch: 1 };
    cluster.inject({
      kind: CommandKind.activate,
      ...{ ...old, attempt: 'a', expectedEpoch: 0, kernelIncarnation: 'boot-1', rollCallIndex: 0 },
    });
    const batch = { kind: CommandKind.batch, ...old, sequence: 1, operations: writer.finish() };
    expect(cluster.inject(batch).kind).toBe('accepted');
    cluster.node('fw1').setRole('blue', 'MASTER');
    cluster.node('fw2').setRole('red', 'MASTER');
    await cluster.clock.advance(2_000);
    for (const { kernel } of cluster.nodes) expect(kernel.entries.size).toBe(2);
    cluster.node('fw2').kernel.died(endOf(redFlow(2)));
    await cluster.clock.advance(500);
    for (const { table } of cluster.nodes) expect(table.size).toBe(1);
  });

  it('the status tells each group apart, and is ready only when all groups are', async () => {
    const cluster = await twoGroups();
    const [fw1, fw2] = cluster.nodes as [FakeNode, FakeNode, FakeNode];
    fw1.kernel.born(blueFlow(1));
    fw2.kernel.born(redFlow(2));
    await cluster.clock.advance(500);
    const admin = new Admin({ vrrpMode: 'follow', transferTimeoutMs: 1_000 }, fw1.replicator);
    expect(admin.status()).toMatchObject({
      ready: true,
      active: 'fw1',
      groups: [
        { name: 'blue', active: 'fw1', local: { ready: true, vrrp: { state: 'MASTER' } } },
        { name: 'red', active: 'fw2', local: { ready: true, vrrp: { state: 'BACKUP' } } },
      ],
    });
    const nodes: (string | null)[] = [];
    for await (const page of admin.flows({}, 10)) nodes.push(...page.map(({ node }) => node));
    expect(nodes.sort()).toEqual(['fw1', 'fw2']);
    fw1.replicator.groups[1]!.parts.readiness.fail('the disk is gone');
    expect(admin.status()).toMatchObject({
      ready: false,
      notReadyReason: 'group red: the disk is gone',
      groups: [{ local: { ready: true } }, { local: { ready: false } }],
    });
    expect(fw1.trackFiles.get('blue')).toBe(1);
    await cluster.clock.advance(200);
    expect(fw1.trackFiles.get('red')).toBe(0);
  });
});
