import { ExpectationRecord, FlowAttribute } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { ClusterState } from '../../src/cluster-state.ts';
import { activeCluster, type FakeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

const session = () => flowOf({ dport: 21, helper: 'ftp' });

/** What the session expects: a connection from its server to this port. */
function expected(port: number, master = session()): ExpectationRecord {
  const expectation = new ExpectationRecord();
  Object.assign(expectation.master, { family: 2, protocol: 6, originalL4: master.originalL4 });
  expectation.master.originalSource.set(master.originalSource);
  expectation.master.originalDestination.set(master.originalDestination);
  expectation.source.set(master.originalDestination);
  expectation.destination.set(master.originalSource);
  expectation.protocol = 6;
  expectation.l4 = port;
  expectation.timeoutSeconds = 250;
  expectation.helper = 'ftp';
  return expectation;
}

function portsIn(cluster: FakeCluster, id: string): number[] {
  return [...cluster.node(id).kernel.expectations.values()].map(({ l4 }) => l4).sort();
}

async function withSession(): Promise<FakeCluster> {
  const cluster = await activeCluster();
  cluster.node('fw1').kernel.born(session());
  await cluster.clock.advance(100);
  return cluster;
}

describe('expectations of helpers', () => {
  it('are made on every standby with what is left of their life, and taken back there when they have come', async () => {
    const cluster = await withSession();
    const { kernel } = cluster.node('fw1');
    kernel.expects(expected(5001));
    kernel.expects(expected(5002));
    await cluster.clock.advance(100);
    expect(portsIn(cluster, 'fw2')).toEqual([5001, 5002]);
    expect(portsIn(cluster, 'fw3')).toEqual([5001, 5002]);
    expect(cluster.node('fw2').kernel.log.slice(-4)).toEqual([
      'expect 5001',
      'limit 5001',
      'expect 5002',
      'limit 5002',
    ]);
    kernel.fulfilled(expected(5001));
    await cluster.clock.advance(100);
    expect(portsIn(cluster, 'fw3')).toEqual([5002]);
    // The active kernel is the truth: nothing is brought into it.
    expect(kernel.log).toEqual([]);
  });

  it('K11 one command queue: in one commit masters go before expectations, related flows behind them', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const related = flowOf({ sport: 2 });
    related.attributes |= 1 << 9;
    related.masterProtocol = 6;
    const { capture } = fw1.replicator.first.parts;
    // Nothing leaves before all of it is there: another batch is on its way.
    cluster.drops = () => true;
    fw1.kernel.born(flowOf({ sport: 9 }));
    fw1.kernel.expects(expected(5001));
    capture.handle(1, related);
    capture.handle(1, session());
    cluster.drops = () => false;
    capture.flush();
    await cluster.clock.advance(200);
    expect(fw2.kernel.log).toEqual([
      'create 9',
      'create 40000',
      'expect 5001',
      'limit 5001',
      'create 2',
    ]);
  });

  it('wait for the flow that expects, and are forgotten with it', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.expects(expected(5001));
    kernel.expects(expected(5002));
    kernel.fulfilled(expected(5002));
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').state.expectations.size).toBe(0);
    kernel.born(session());
    await cluster.clock.advance(100);
    expect(portsIn(cluster, 'fw2')).toEqual([5001]);
    kernel.died(session());
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').state.expectations.size).toBe(0);
  });

  it('K8 promotion has an order: what has come while this node was being promoted is not expected again', async () => {
    const cluster = await withSession();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.expects(expected(5001));
    fw1.kernel.expects(expected(5002));
    await cluster.clock.advance(100);
    fw1.connected = false;
    fw2.setMastering(true);
    await cluster.clock.advance(10);
    fw2.kernel.fulfilled(expected(5001));
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(5_000);
    expect(fw2.replicator.first.applier.mode).toBe('active');
    expect(portsIn(cluster, 'fw2')).toEqual([5002]);
    // And the other standby hears of it by the comparison that follows.
    expect(portsIn(cluster, 'fw3')).toEqual([5002]);
  });

  it('make the shift of sequence numbers known, which the kernel announces by no event', async () => {
    const cluster = await withSession();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const entry = fw1.kernel.get(session())!;
    entry.attributes |= FlowAttribute.sequenceAdjustOriginal | FlowAttribute.mark;
    entry.sequenceAdjustOriginal.offsetAfter = 2;
    fw1.kernel.expects(expected(5001));
    await cluster.clock.advance(100);
    expect(fw2.kernel.get(session())!.sequenceAdjustOriginal.offsetAfter).toBe(2);
    entry.sequenceAdjustOriginal.offsetAfter = 4;
    fw1.kernel.expects(expected(5002));
    await cluster.clock.advance(100);
    expect(fw2.kernel.get(session())!.sequenceAdjustOriginal.offsetAfter).toBe(4);
  });

  it('are compared: missing ones are made, and those that the table lacks go from a kernel that may be cleaned', async () => {
    const cluster = await withSession();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.expects(expected(5001));
    await cluster.clock.advance(100);
    fw2.kernel.expectations.clear();
    const others = flowOf({ sport: 77, dport: 21, helper: 'ftp' });
    for (const extra of [expected(5009), expected(5010, others)]) fw2.kernel.expects(extra);
    await cluster.clock.advance(20_000);
    await fw2.replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect(portsIn(cluster, 'fw2')).toEqual([5001, 5010]);
  });

  it('that were lost in an overrun are found by the comparison behind it, and ended ones too', async () => {
    const cluster = await withSession();
    const { kernel } = cluster.node('fw1');
    kernel.expects(expected(5001));
    await cluster.clock.advance(100);
    kernel.expectations.clear();
    kernel.expectations.set('lost', expected(5003));
    kernel.overrun();
    await cluster.clock.advance(200);
    expect(portsIn(cluster, 'fw2')).toEqual([5003]);
  });

  it('that a kernel refuses are counted and tried again', async () => {
    const cluster = await withSession();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const entry = fw2.kernel.get(session())!;
    const { attributes } = entry;
    entry.attributes &= ~(1 << 8);
    fw1.kernel.expects(expected(5001));
    await cluster.clock.advance(100);
    expect(fw2.counters.expectationFailures).toEqual({ 'errno 95': 1 });
    entry.attributes = attributes;
    await fw2.replicator.reconcileNow('test');
    expect(portsIn(cluster, 'fw2')).toEqual([5001]);
  });

  it('have a limit of those that wait', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    for (let port = 0; port < 8_192 + 3; port += 1) fw1.kernel.expects(expected(port));
    expect(fw1.counters.expectationsDropped).toBe(3);
  });

  it('are kept with the state of a checkpoint', async () => {
    const cluster = await withSession();
    cluster.node('fw1').kernel.expects(expected(5001));
    await cluster.clock.advance(100);
    const { state } = cluster.node('fw2');
    const copy = ClusterState.decode(state.encode());
    expect([...copy.expectations.values()]).toEqual([expected(5001)]);
    const replaced = new ClusterState();
    replaced.replaceWith(copy);
    expect(replaced.encode()).toEqual(state.encode());
  });
});
