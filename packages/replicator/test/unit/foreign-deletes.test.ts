import { describe, expect, it } from 'vitest';
import { CommandKind } from '../../src/command.ts';
import { captureDefaults } from '../../src/options.ts';
import { activeCluster, type FakeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

const flows = 50;

async function clusterWithFlows(): Promise<FakeCluster> {
  const cluster = await activeCluster();
  for (let sport = 1; sport <= flows; sport += 1) {
    cluster.node('fw1').kernel.born(flowOf({ sport, mark: sport }));
  }
  await cluster.clock.advance(100);
  return cluster;
}

function flush(cluster: FakeCluster, id: string, portId: number): void {
  for (let sport = 1; sport <= flows; sport += 1) {
    cluster.node(id).kernel.deletedBy(portId, flowOf({ sport, mark: sport }));
  }
}

describe("K16 a person's delete", () => {
  it("K16 a person's delete on the active node is replicated in batches, and says once who did it", async () => {
    const cluster = await clusterWithFlows();
    const before = cluster.log.length;
    flush(cluster, 'fw1', 4711);
    await cluster.clock.advance(2_000);
    for (const node of cluster.nodes)
      expect([node.table.size, node.kernel.count()]).toEqual([0, 0]);
    const batches = cluster
      .commands()
      .slice(before)
      .filter(({ kind }) => kind === CommandKind.batch);
    expect(batches.length).toBeLessThan(5);
    const { warnings, counters } = cluster.node('fw1');
    const said = warnings.filter((it) => 'portId' in it);
    expect(said).toEqual([
      {
        message: 'another program deleted flows, their end is replicated',
        portId: 4711,
        program: 'conntrack',
        flows,
      },
    ]);
    expect(counters.foreignDeletes).toEqual({ replicated: flows });
  });

  it("K16 a person's delete on the active node is undone if the configuration says `restore`", async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kill();
    await fw1.start({ capture: { ...captureDefaults, foreignDeletes: 'restore' } });
    await cluster.clock.advance(1_000);
    fw1.kernel.born(flowOf({ sport: 1, mark: 7, protocol: 17, timeoutSeconds: 100 }));
    await cluster.clock.advance(200);
    fw1.kernel.deletedBy(9, flowOf({ sport: 1, mark: 7, protocol: 17 }));
    await cluster.clock.advance(200);
    const entry = fw1.kernel.get(flowOf({ sport: 1, protocol: 17 }));
    expect(entry?.mark).toBe(7);
    // The node sees the flow's packets: it needs no hold.
    expect(entry?.timeoutSeconds).toBeLessThanOrEqual(100);
    expect(cluster.node('fw2').table.size).toBe(1);
    expect(fw1.counters.foreignDeletes).toEqual({ restored: 1 });
  });

  it("K16 a person's delete on a standby is repaired from the table, with a warning", async () => {
    const cluster = await clusterWithFlows();
    const fw2 = cluster.node('fw2');
    flush(cluster, 'fw2', 12);
    expect(fw2.kernel.count()).toBe(0);
    await cluster.clock.advance(2_000);
    expect(fw2.kernel.count()).toBe(flows);
    expect(cluster.node('fw1').kernel.count()).toBe(flows);
    expect(fw2.warnings).toContainEqual({
      message: 'another program deleted flows, they are restored',
      portId: 12,
      program: 'unknown, it has ended',
      flows,
    });
  });
});
