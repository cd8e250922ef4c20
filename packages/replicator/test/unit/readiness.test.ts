import { describe, expect, it } from 'vitest';
import { readinessDefaults } from '../../src/options.ts';
import { activeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

const reasonOf = (node: FakeNode): string | null =>
  node.replicator.groups[0]!.parts.readiness.reason;

/** The log is so far ahead of the kernel. */
function leadBy(node: FakeNode, entries: number): void {
  const status = node.status.bind(node);
  node.status = () => {
    const known = status();
    return { ...known, commitIndex: known.appliedIndex + entries };
  };
}

describe('V2 ready is sticky', () => {
  it('V2 ready is sticky: elections and a quorum that is gone for less than three seconds do not end it', async () => {
    const cluster = await activeCluster();
    const fw2 = cluster.node('fw2');
    cluster.elect('fw3');
    fw2.connected = false;
    await cluster.clock.advance(readinessDefaults.quorumLostMs - 200);
    expect(fw2.trackFile).toBe(1);
    fw2.connected = true;
    fw2.catchUp();
    await cluster.clock.advance(1_000);
    fw2.connected = false;
    await cluster.clock.advance(readinessDefaults.quorumLostMs + 200);
    expect(fw2.trackFile).toBe(0);
    fw2.connected = true;
    fw2.catchUp();
    await cluster.clock.advance(500);
    expect(fw2.trackFile).toBe(1);
  });

  it('V2 ready is sticky: a second of lag beyond 10,000 entries ends it, less of either does not', async () => {
    const cluster = await activeCluster();
    const fw2 = cluster.node('fw2');
    // The log of the test lets the node ask anew at once, so the fall itself is what counts.
    let falls = 0;
    fw2.replicator.events.onEvent(({ message }) => {
      falls += Number(message === 'not ready');
    });
    leadBy(fw2, readinessDefaults.lagEntriesMax);
    await cluster.clock.advance(5_000);
    leadBy(fw2, readinessDefaults.lagEntriesMax + 1);
    await cluster.clock.advance(readinessDefaults.lagMsMax - 200);
    expect(falls).toBe(0);
    await cluster.clock.advance(400);
    expect(falls).toBe(1);
  });

  it("V2 ready is sticky: another node's activation ends it on a node whose kernel is not level", async () => {
    const cluster = await activeCluster();
    const [fw1, fw2, fw3] = [cluster.node('fw1'), cluster.node('fw2'), cluster.node('fw3')];
    fw3.kernel.pause();
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(200);
    expect([fw1.trackFile, fw3.trackFile]).toEqual([1, 1]);
    fw1.setVrrp('BACKUP');
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(200);
    expect([fw1.trackFile, fw2.trackFile, fw3.trackFile]).toEqual([1, 1, 0]);
    expect(reasonOf(fw3)).toMatch(/kernel is level with index \d+ of \d+/);
    fw3.kernel.resume();
    await cluster.clock.advance(300);
    expect(fw3.trackFile).toBe(1);
  });

  it('V2 ready is sticky: a drain ends it until it is taken back, and says so', async () => {
    const cluster = await activeCluster();
    const fw2 = cluster.node('fw2');
    await fw2.replicator.drain();
    expect(fw2.trackFile).toBe(0);
    expect(reasonOf(fw2)).toMatch(/drained by a person/);
    await cluster.clock.advance(1_000);
    expect(fw2.trackFile).toBe(0);
    expect(cluster.node('fw1').state.member('fw2')?.ready).toBe(false);
    fw2.replicator.undrain();
    await cluster.clock.advance(500);
    expect(fw2.trackFile).toBe(1);
  });

  it('V2 a node that is not ready by its deadline says why, once', async () => {
    const cluster = await activeCluster();
    const fw3 = cluster.node('fw3');
    fw3.connected = false;
    await cluster.clock.advance(60_000);
    const late = fw3.warnings.filter((it) => JSON.stringify(it).includes('not ready in time'));
    expect(late).toMatchObject([{ reason: expect.stringMatching(/no leader confirmed/) }]);
  });
});

describe('drain before maintenance', () => {
  it('resolves when another node is active, and leadership has gone too', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const drained = fw1.replicator.drain();
    await cluster.clock.advance(200);
    expect(fw1.trackFile).toBe(0);
    fw2.setVrrp('MASTER');
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(200);
    await drained;
    expect(cluster.leader).toBe('fw2');
  });

  it('that was taken back on a node that lost MASTER meanwhile ends its epoch', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    void fw1.replicator.drain().catch(() => undefined);
    await cluster.clock.advance(100);
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(100);
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw1', released: false });
    fw1.replicator.undrain();
    await cluster.clock.advance(200);
    expect(fw1.state.group('default').released).toBe(true);
  });

  it('is refused when nobody is ready to take over, and taken back when nobody does', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    const drained = expect(fw1.replicator.drain()).rejects.toMatchObject({
      code: 'transfer-failed',
    });
    await cluster.clock.advance(6_000);
    await drained;
    expect(fw1.trackFile).toBe(1);
    await Promise.all([
      cluster.node('fw2').replicator.drain(),
      cluster.node('fw3').replicator.drain(),
    ]);
    await cluster.clock.advance(300);
    await expect(fw1.replicator.drain()).rejects.toMatchObject({ code: 'not-ready' });
    expect(fw1.trackFile).toBe(1);
  });
});

describe('V5 no quorum', () => {
  it('V5 no quorum: the holder serves and captures, says 0 after three seconds, and activates anew when the quorum is back', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    const { epoch } = fw1.state.group('default');
    fw1.connected = false;
    await cluster.clock.advance(2_000);
    expect(fw1.trackFile).toBe(1);
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(2_000);
    expect(fw1.trackFile).toBe(0);
    expect(fw1.replicator.first.applier.mode).toBe('active');
    fw1.connected = true;
    fw1.catchUp();
    await cluster.clock.advance(2_000);
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw1', released: false });
    expect(fw1.state.group('default').epoch).toBeGreaterThan(epoch);
    expect(cluster.node('fw2').table.size).toBe(1);
    expect(fw1.trackFile).toBe(1);
  });

  it('V5 no quorum: also when nobody could end its epoch meanwhile', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    const { epoch } = fw1.state.group('default');
    for (const node of cluster.nodes) node.connected = false;
    await cluster.clock.advance(4_000);
    for (const node of cluster.nodes) {
      node.connected = true;
      node.catchUp();
    }
    await cluster.clock.advance(1_000);
    expect(fw1.state.group('default')).toMatchObject({ node: 'fw1', epoch: epoch + 1 });
  });
});
