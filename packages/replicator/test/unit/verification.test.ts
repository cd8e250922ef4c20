import { FlowAttribute, type FlowFields, OperationWriter } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/admin.ts';
import type { VerifyReport } from '../../src/admin-port.ts';
import { activeCluster, type FakeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';
import { settle } from '../support/manual-clock.ts';

async function verify(cluster: FakeCluster, id: string, repair = false): Promise<VerifyReport> {
  const { replicator } = cluster.node(id);
  const admin = new Admin({ vrrpMode: 'follow', transferTimeoutMs: 1_000 }, replicator);
  let report: VerifyReport | null = null;
  void admin.verify(repair).then((it) => {
    report = it;
  });
  for (let waitedMs = 0; report === null && waitedMs < 90_000; waitedMs += 100) {
    await cluster.clock.advance(100);
    await settle();
  }
  return report!;
}

async function clusterWithFlows(): Promise<FakeCluster> {
  const cluster = await activeCluster();
  for (let sport = 1; sport <= 20; sport += 1) cluster.node('fw1').kernel.born(flowOf({ sport }));
  await cluster.clock.advance(200);
  return cluster;
}

const none = { missing: 0, extra: 0, different: 0 };
const same = { answered: true, ...none, tableRanges: 0, table: none, differences: [] };

/** Where, how and in what each flow differs that a member names, by source port. */
function named(report: VerifyReport, id: string): string[] {
  const { differences } = report.nodes.find(({ node }) => node === id)!;
  return differences
    .map(({ place, kind, attributes, flow }) =>
      [place, kind, flow.original.sport, ...attributes].join(' '),
    )
    .sort();
}

describe('verify', () => {
  it('finds equal kernels and tables equal, whoever is asked', async () => {
    const cluster = await clusterWithFlows();
    for (const id of ['fw1', 'fw3']) {
      expect(await verify(cluster, id)).toEqual({
        equal: true,
        reference: 'fw1',
        rangesCompared: 0,
        nodes: ['fw1', 'fw2', 'fw3'].map((node) => ({ node, ...same })),
      });
    }
  });

  it('counts what each kernel lacks, has too many and has otherwise, and mends it if asked to', async () => {
    const cluster = await clusterWithFlows();
    await cluster.clock.advance(11_000);
    const { kernel } = cluster.node('fw2');
    const spoil = (): void => {
      kernel.vanished(flowOf({ sport: 1 }));
      kernel.vanished(flowOf({ sport: 2 }));
      kernel.unobserved(flowOf({ sport: 99 }));
      kernel.get(flowOf({ sport: 3 }))!.mark = 7;
      kernel.get(flowOf({ sport: 3 }))!.attributes |= FlowAttribute.mark;
    };
    spoil();
    const report = await verify(cluster, 'fw1');
    expect(report.equal).toBe(false);
    expect(report.nodes).toMatchObject([
      { node: 'fw1', ...same },
      { node: 'fw2', ...none, missing: 2, extra: 1, different: 1, table: none },
      { node: 'fw3', ...same },
    ]);
    expect(named(report, 'fw2')).toEqual([
      'kernel different 3 mark',
      'kernel extra 99',
      'kernel missing 1',
      'kernel missing 2',
    ]);
    expect(kernel.count()).toBe(19);
    expect(await verify(cluster, 'fw1', true)).toMatchObject({ equal: true });
    expect(kernel.count()).toBe(20);
    expect(kernel.get(flowOf({ sport: 3 }))!.mark).toBe(0);
  });

  it('does not call equal a member that has not answered', async () => {
    const cluster = await clusterWithFlows();
    cluster.node('fw3').connected = false;
    const report = await verify(cluster, 'fw1');
    expect(report.equal).toBe(false);
    expect(report.nodes[2]).toEqual({ node: 'fw3', ...same, answered: false });
  });

  it.each(['fw1', 'fw2', 'fw3'])(
    'names the flows in which a table has parted, whoever is asked: %s',
    async (asked) => {
      const cluster = await clusterWithFlows();
      partThreeWays(cluster, 'fw2');
      const report = await verify(cluster, asked);
      expect(report).toMatchObject({ equal: false, reference: 'fw1', rangesCompared: 3 });
      expect(report.nodes.map(({ tableRanges }) => tableRanges)).toEqual([0, 3, 0]);
      expect(report.nodes[1]!.table).toEqual({ missing: 1, extra: 1, different: 1 });
      expect(named(report, 'fw2')).toEqual([
        'table different 5 mark',
        'table extra 77',
        'table missing 6',
      ]);
      expect(report.nodes[0]!.differences).toEqual([]);
      expect(report.nodes[2]!.differences).toEqual([]);
    },
  );

  it('has the active node mend the tables of others, and no flow of another member is disturbed', async () => {
    const cluster = await clusterWithFlows();
    await cluster.clock.advance(11_000);
    partThreeWays(cluster, 'fw2');
    expect(await verify(cluster, 'fw3', true)).toMatchObject({ equal: true });
    const [fw1, fw2, fw3] = cluster.nodes;
    expect(fw2!.table.digest().records).toBe(fw1!.table.digest().records);
    expect(fw3!.table.digest().records).toBe(fw1!.table.digest().records);
    for (const { kernel } of cluster.nodes) {
      expect(kernel.count()).toBe(20);
      expect(kernel.get(flowOf({ sport: 5 }))!.mark).toBe(0);
    }
  });

  it('needs a quorum to ask', async () => {
    const cluster = await clusterWithFlows();
    const { replicator } = cluster.node('fw1');
    cluster.node('fw1').connected = false;
    const admin = new Admin({ vrrpMode: 'follow', transferTimeoutMs: 1_000 }, replicator);
    await expect(admin.verify(false)).rejects.toMatchObject({ code: 'no-quorum' });
  });
});

function blobOf(flow: FlowFields): Uint8Array {
  const writer = new OperationWriter();
  writer.update(flow);
  return writer.finish();
}

/** What must never happen: a table changes without the log; a flow otherwise, one too few, one too many. */
function partThreeWays(cluster: FakeCluster, id: string): void {
  part(cluster, id);
  const { table, kernel } = cluster.node(id);
  const [lost, stray] = [flowOf({ sport: 6 }), flowOf({ sport: 77 })];
  const writer = new OperationWriter();
  writer.delete(lost);
  writer.create(stray);
  table.apply(writer.finish());
  kernel.vanished(lost);
  kernel.unobserved(stray);
}

/** What must never happen: a table changes without the log. */
function part(cluster: FakeCluster, id: string): void {
  const { table } = cluster.node(id);
  const spoilt = flowOf({ sport: 5, mark: 66 });
  const slot = table.find(spoilt);
  const flags = table.localFlags(slot);
  table.apply(blobOf(spoilt));
  table.setLocalFlags(slot, flags);
  cluster.node(id).kernel.get(spoilt)!.mark = 66;
  cluster.node(id).kernel.get(spoilt)!.attributes |= FlowAttribute.mark;
}

describe('T6 digests', () => {
  it('T6 digests: members compare their tables at a committed entry, and equal ones are equal', async () => {
    const cluster = await clusterWithFlows();
    await cluster.clock.advance(35_000);
    for (const { counters, replicator } of cluster.nodes) {
      expect(counters.digestsCompared).toBeGreaterThanOrEqual(2);
      expect(counters.digestsDifferent).toBe(0);
      expect(replicator.parts.digestWatch.difference).toBe(null);
    }
  });

  it('T6 digests: a table that has parted is found out, with the index', async () => {
    const cluster = await clusterWithFlows();
    part(cluster, 'fw2');
    await cluster.clock.advance(35_000);
    const [fw1, fw2, fw3] = cluster.nodes;
    expect(fw2!.counters.digestsDifferent).toBeGreaterThan(0);
    expect(fw2!.replicator.parts.digestWatch.difference).toMatchObject({ node: 'fw1' });
    expect(fw1!.counters.digestsDifferent + fw3!.counters.digestsDifferent).toBe(0);
  });

  it('T6 digests: nothing is compared until the replay has passed what was on disk', async () => {
    const cluster = await clusterWithFlows();
    await cluster.clock.advance(25_000);
    const fw2 = cluster.node('fw2');
    fw2.kill();
    const before = fw2.counters.digestsCompared;
    await cluster.clock.advance(25_000);
    // A checkpoint's rows may be newer than the index from which the log is applied again.
    part(cluster, 'fw2');
    await fw2.start();
    expect(fw2.counters.digestsCompared).toBe(before);
    await cluster.clock.advance(25_000);
    expect(fw2.counters.digestsCompared).toBeGreaterThan(before);
  });

  it("T6 digests: a kernel's digest is the table's, or the difference is counted", async () => {
    const cluster = await clusterWithFlows();
    const { kernel, counters, replicator } = cluster.node('fw2');
    await replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    const compared = counters.kernelDigestsCompared;
    expect(compared).toBeGreaterThan(0);
    expect(counters.kernelDigestsDifferent).toBe(0);
    // A master is nothing that a comparison could mend in an entry.
    const entry = kernel.get(flowOf({ sport: 1 }))!;
    entry.attributes |= FlowAttribute.master;
    entry.masterProtocol = 6;
    entry.masterL4 = 21;
    await replicator.reconcileNow('test');
    expect(counters.kernelDigestsCompared).toBe(compared + 1);
    expect(counters.kernelDigestsDifferent).toBe(1);
  });
});
