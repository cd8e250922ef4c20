import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/admin.ts';
import { activityDefaults, type VrrpMode } from '../../src/options.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

/** Three members in that mode, fw1 leads, nobody is MASTER. */
async function clusterIn(vrrpMode: VrrpMode): Promise<FakeCluster> {
  const cluster = new FakeCluster(['fw1', 'fw2', 'fw3']);
  for (const node of cluster.nodes) await node.start({ vrrpMode });
  await cluster.clock.advance(500);
  return cluster;
}

const files = (cluster: FakeCluster): number[] => cluster.nodes.map(({ trackFile }) => trackFile);

describe('V8 strict has a lease', () => {
  it('V8 strict has a lease: 1 on the leader alone, and only while its quorum answers', async () => {
    const cluster = await clusterIn('strict');
    const fw1 = cluster.node('fw1');
    expect(files(cluster)).toEqual([0, 0, 0]);
    fw1.quorumAge = 10;
    await cluster.clock.advance(100);
    expect(files(cluster)).toEqual([1, 0, 0]);
    fw1.quorumAge = activityDefaults.leaseMs;
    await cluster.clock.advance(100);
    expect(files(cluster)).toEqual([0, 0, 0]);
  });

  it('V8 strict has a lease: it ends by the clock, without any event and between two looks', async () => {
    const cluster = await clusterIn('strict');
    const { clock } = cluster;
    const fw1 = cluster.node('fw1');
    const answeredMs = clock.nowMs();
    Object.defineProperty(fw1, 'quorumAge', { get: () => clock.nowMs() - answeredMs });
    await clock.advance(activityDefaults.leaseMs - 1);
    expect(fw1.trackFile).toBe(1);
    await clock.advance(1);
    expect(fw1.trackFile).toBe(0);
  });

  it('V8 strict has a lease: who has handed leadership over keeps 1 for 100 ms', async () => {
    const cluster = await clusterIn('strict');
    cluster.node('fw1').quorumAge = 10;
    await cluster.clock.advance(100);
    cluster.node('fw2').quorumAge = 10;
    cluster.elect('fw2');
    await cluster.clock.advance(activityDefaults.handoverGraceMs - 1);
    expect(files(cluster)).toEqual([1, 1, 0]);
    await cluster.clock.advance(1);
    expect(files(cluster)).toEqual([0, 1, 0]);
  });

  it('V8 strict has a lease: a leader that was deposed keeps nothing beyond it', async () => {
    const cluster = await clusterIn('strict');
    const fw1 = cluster.node('fw1');
    fw1.quorumAge = 10;
    await cluster.clock.advance(100);
    fw1.quorumAge = activityDefaults.leaseMs - 30;
    await cluster.clock.advance(50);
    cluster.elect('fw2');
    await cluster.clock.advance(31);
    expect(fw1.trackFile).toBe(0);
  });

  it('V8 V3 strict has a lease: a node that starts as MASTER says 0 at once', async () => {
    const cluster = await clusterIn('strict');
    const fw2 = cluster.node('fw2');
    fw2.kill();
    fw2.setVrrp('MASTER');
    fw2.trackFile = 1;
    await fw2.start({ vrrpMode: 'strict' });
    expect(fw2.trackFile).toBe(0);
  });
});

describe('V9 lead is calm', () => {
  it('V9 lead is calm: 2 only after three seconds of leadership, 1 on the other ready members', async () => {
    const cluster = await clusterIn('lead');
    await cluster.clock.advance(2_000);
    expect(files(cluster)).toEqual([1, 1, 1]);
    await cluster.clock.advance(1_100);
    expect(files(cluster)).toEqual([2, 1, 1]);
    cluster.elect('fw2');
    await cluster.clock.advance(100);
    expect(files(cluster)).toEqual([1, 1, 1]);
    await cluster.clock.advance(3_100);
    expect(files(cluster)).toEqual([1, 2, 1]);
  });

  it('V9 lead is calm: a new leader hands leadership to the active node if that is ready', async () => {
    const cluster = await clusterIn('lead');
    cluster.node('fw1').setVrrp('MASTER');
    await cluster.clock.advance(4_000);
    expect(files(cluster)).toEqual([2, 1, 1]);
    cluster.elect('fw3');
    await cluster.clock.advance(300);
    expect(cluster.leader).toBe('fw1');
    expect(files(cluster)[2]).toBe(1);
  });

  it('V9 lead is calm: to an active node that is not ready leadership does not go, and the leader claims the address', async () => {
    const cluster = await clusterIn('lead');
    const fw1 = cluster.node('fw1');
    fw1.setVrrp('MASTER');
    await cluster.clock.advance(1_000);
    fw1.replicator.groups[0]!.parts.readiness.fail('test');
    await cluster.clock.advance(300);
    cluster.elect('fw3');
    await cluster.clock.advance(10_000);
    expect(cluster.leader).toBe('fw3');
    expect(files(cluster)).toEqual([0, 1, 2]);
  });

  it('V9 lead is calm: but a person who moves the address waits for nothing', async () => {
    const cluster = await clusterIn('lead');
    cluster.node('fw1').setVrrp('MASTER');
    await cluster.clock.advance(4_000);
    const options = { vrrpMode: 'lead', transferTimeoutMs: 10_000 } as const;
    const moved = new Admin(options, cluster.node('fw1').replicator).transfer('fw2');
    await cluster.clock.advance(300);
    expect(files(cluster)).toEqual([1, 2, 1]);
    cluster.node('fw2').setVrrp('MASTER');
    cluster.node('fw1').setVrrp('BACKUP');
    await cluster.clock.advance(300);
    await moved;
    expect(cluster.leader).toBe('fw2');
  });
});

describe('V4 leaving', () => {
  it('V4 leaving: in strict leadership goes first, and the file only when the next leader can be eligible', async () => {
    const cluster = await clusterIn('strict');
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    for (const node of cluster.nodes) node.quorumAge = 10;
    fw1.setVrrp('MASTER');
    await cluster.clock.advance(500);
    expect(files(cluster)).toEqual([1, 0, 0]);
    const left = fw1.replicator.leave();
    await cluster.clock.advance(50);
    expect(cluster.leader).not.toBe('fw1');
    expect(files(cluster).filter((value) => value === 1)).toHaveLength(2);
    await cluster.clock.advance(100);
    expect(fw1.trackFile).toBe(0);
    fw2.setVrrp('MASTER');
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(200);
    await left;
    expect(fw1.state.group('default').node).toBe('fw2');
  });
});

describe('V3 liveness', () => {
  it('V3 liveness: a node that starts as MASTER writes what it keeps, so that there is a file to renew', async () => {
    const cluster = await clusterIn('follow');
    const fw2 = cluster.node('fw2');
    fw2.kill();
    fw2.connected = false;
    fw2.setVrrp('MASTER');
    fw2.written.length = 0;
    await fw2.start({ vrrpMode: 'follow' });
    expect(fw2.written).toEqual([1]);
  });

  it('V3 liveness: the sign of life is renewed, and a file that says something else is written again', async () => {
    const cluster = await clusterIn('follow');
    const fw1 = cluster.node('fw1');
    const before = fw1.signsOfLife;
    await cluster.clock.advance(3_000);
    expect(fw1.signsOfLife - before).toBeGreaterThanOrEqual(5);
    fw1.trackFile = 0;
    await cluster.clock.advance(1_000);
    expect(fw1.trackFile).toBe(1);
  });
});
