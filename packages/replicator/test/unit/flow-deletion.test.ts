import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/admin.ts';
import { activeCluster, type FakeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

async function clusterWithFlows(): Promise<FakeCluster> {
  const cluster = await activeCluster();
  for (let sport = 1; sport <= 20; sport += 1) cluster.node('fw1').kernel.born(flowOf({ sport }));
  await cluster.clock.advance(200);
  return cluster;
}

const adminOf = (cluster: FakeCluster, id: string): Admin =>
  new Admin({ vrrpMode: 'follow', transferTimeoutMs: 1_000 }, cluster.node(id).replicator);

describe('deleting flows', () => {
  it('on the active node ends what matches in all tables and kernels, and nothing else', async () => {
    const cluster = await clusterWithFlows();
    expect(await adminOf(cluster, 'fw1').deleteFlows({ sport: 7 })).toBe(1);
    await cluster.clock.advance(200);
    for (const id of ['fw1', 'fw2', 'fw3']) {
      const { flows } = await adminOf(cluster, id).flowPage({}, 0, 100);
      expect(flows.map((flow) => flow.original.sport).sort()).not.toContain(7);
      expect(flows).toHaveLength(19);
      expect(cluster.node(id).kernel.entries.size).toBe(19);
    }
  });

  it('ends in the table what the kernel has lost already, and keeps what the kernel refuses to delete', async () => {
    const cluster = await clusterWithFlows();
    const { kernel } = cluster.node('fw1');
    kernel.refuses = (verb, flow) =>
      verb === 'delete' ? (flow.originalL4 >>> 16 === 1 ? 2 : 1) : 0;
    expect(await adminOf(cluster, 'fw1').deleteFlows({})).toBe(0);
    await cluster.clock.advance(200);
    const { flows } = await adminOf(cluster, 'fw2').flowPage({}, 0, 100);
    expect(flows).toHaveLength(19);
  });

  it('is refused on a standby', async () => {
    const cluster = await clusterWithFlows();
    await expect(adminOf(cluster, 'fw2').deleteFlows({})).rejects.toMatchObject({
      code: 'not-active',
    });
    expect(cluster.node('fw2').kernel.entries.size).toBe(20);
  });
});

describe('pages of flows', () => {
  it('join to the whole table, each flow once, whatever the size of a page', async () => {
    const cluster = await clusterWithFlows();
    const admin = adminOf(cluster, 'fw2');
    for (const limit of [1, 3, 20, 50]) {
      const seen: (number | undefined)[] = [];
      for (let cursor: number | null = 0; cursor !== null; ) {
        const page = await admin.flowPage({}, cursor, limit);
        expect(page.flows.length).toBeLessThanOrEqual(limit);
        seen.push(...page.flows.map((flow) => flow.original.sport));
        cursor = page.next;
      }
      expect(seen.sort((a, b) => a! - b!)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    }
  });

  it('hold what matches only', async () => {
    const cluster = await clusterWithFlows();
    const { flows, next } = await adminOf(cluster, 'fw1').flowPage({ sport: 3 }, 0, 1);
    expect({ sports: flows.map((flow) => flow.original.sport), next }).toEqual({
      sports: [3],
      next: null,
    });
  });
});

describe('a linearizable read', () => {
  it('waits for the commit index that a confirmed leader names, and is refused without a quorum', async () => {
    const cluster = await clusterWithFlows();
    await expect(adminOf(cluster, 'fw3').barrier()).resolves.toBeUndefined();
    cluster.node('fw3').connected = false;
    await expect(adminOf(cluster, 'fw3').barrier()).rejects.toMatchObject({ code: 'no-quorum' });
  });
});
