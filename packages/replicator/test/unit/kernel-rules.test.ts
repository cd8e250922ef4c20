import { FlowAttribute, FlowRecord } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { CommandKind } from '../../src/command.ts';
import { SlotFlag } from '../../src/local-flag.ts';
import { KernelEventKind } from '../../src/ports.ts';
import { activeCluster, type FakeCluster } from '../support/fake-cluster.ts';
import { endOf, flowOf, Status } from '../support/flows.ts';

function batches(cluster: FakeCluster): number {
  return cluster.commands().filter(({ kind }) => kind === CommandKind.batch).length;
}

describe('K1 domain', () => {
  it('K1 domain: flows with an end at a member, a peer or an ignored prefix never leave the kernel', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.born(flowOf({ dst: '10.77.0.2' }));
    kernel.born(flowOf({ dst: '192.168.0.20' }));
    kernel.born(flowOf({ src: '127.0.0.1' }));
    kernel.born(flowOf({ natTo: '192.168.0.10' }));
    kernel.born(flowOf({ protocol: 89 }));
    await cluster.clock.advance(100);
    expect(batches(cluster)).toBe(0);
  });

  it("K1 domain: a virtual address is nobody's own, also while it is on this node", async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.addresses.push('192.168.1.100');
    await cluster.clock.advance(300);
    fw1.kernel.born(flowOf({ natTo: '192.168.1.100' }));
    await cluster.clock.advance(100);
    expect(cluster.node('fw3').kernel.has(flowOf())).toBe(true);
    expect(fw1.state.member('fw1')?.addresses).not.toContain('192.168.1.100');
  });

  it("K1 domain: reconcile and demotion leave a standby's own and unreplied entries alone", async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw2');
    const ssh = flowOf({ dst: '192.168.0.20', sport: 1 });
    const raft = flowOf({ src: '10.77.0.1', dst: '10.77.0.2', sport: 2 });
    const unreplied = flowOf({ sport: 3, status: Status.confirmed, state: 1 });
    const stale = flowOf({ sport: 4 });
    for (const flow of [ssh, raft, unreplied, stale]) kernel.born(flow);
    await cluster.clock.advance(20_000);
    await cluster.node('fw2').replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect([ssh, raft, unreplied, stale].map((flow) => kernel.has(flow))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});

describe('K2 order', () => {
  it('K2 order, not CTA_ID: DESTROY then NEW of a tuple is two flows, nothing merged', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.born(flowOf({ mark: 7, natTo: '192.168.1.100', natPort: 1111 }));
    await cluster.clock.advance(100);
    kernel.died(flowOf());
    kernel.born(flowOf({ natTo: '192.168.1.100', natPort: 2222 }));
    await cluster.clock.advance(100);
    const entry = cluster.node('fw2').kernel.get(flowOf());
    expect(entry!.replyL4 & 0xffff).toBe(2222);
    expect(entry!.attributes & FlowAttribute.mark).toBe(0);
  });

  it('K2 order, not CTA_ID: the same in one window is a delete and a create, too', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ mark: 7, natTo: '192.168.1.100', natPort: 1111 }));
    await cluster.clock.advance(100);
    const { capture } = fw1.replicator.first.parts;
    const next = flowOf({ natTo: '192.168.1.100', natPort: 2222 });
    fw1.kernel.vanished(flowOf());
    fw1.kernel.unobserved(next);
    capture.handle(KernelEventKind.destroy, endOf(flowOf()));
    capture.handle(KernelEventKind.new, next);
    capture.flush();
    await cluster.clock.advance(100);
    const entry = cluster.node('fw2').kernel.get(flowOf());
    expect(entry!.replyL4 & 0xffff).toBe(2222);
    expect(entry!.attributes & FlowAttribute.mark).toBe(0);
  });

  it('K2 order, not CTA_ID: NEW then DESTROY in one window cancel out only if nobody else has heard of the flow', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    const { capture } = fw1.replicator.first.parts;
    capture.handle(KernelEventKind.new, flowOf({ sport: 1 }));
    capture.handle(KernelEventKind.destroy, endOf(flowOf({ sport: 1 })));
    capture.flush();
    await cluster.clock.advance(100);
    expect(batches(cluster)).toBe(0);
    fw1.kernel.born(flowOf({ sport: 2 }));
    await cluster.clock.advance(100);
    fw1.kernel.vanished(flowOf({ sport: 2 }));
    capture.handle(KernelEventKind.destroy, endOf(flowOf({ sport: 2 })));
    capture.handle(KernelEventKind.new, flowOf({ sport: 2 }));
    capture.handle(KernelEventKind.destroy, endOf(flowOf({ sport: 2 })));
    capture.flush();
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').table.size).toBe(0);
  });
});

describe('K4 admission', () => {
  it('K4 admission: the first UPDATE with SEEN_REPLY creates the record, a NEW alone does not', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.born(flowOf({ status: Status.confirmed, state: 1 }));
    await cluster.clock.advance(100);
    expect(cluster.node('fw1').table.size).toBe(0);
    kernel.changed(flowOf({ status: Status.confirmed | Status.seenReply, state: 2 }));
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').kernel.get(flowOf())?.tcpState).toBe(2);
    expect(cluster.node('fw1').counters.lookups).toBe(0);
  });

  it('K4 admission: a flow whose NEW carried a helper, or was not seen, is read whole from the kernel', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    const replied = { status: Status.confirmed | Status.seenReply, state: 2 };
    kernel.born(flowOf({ sport: 1, helper: 'ftp', status: Status.confirmed, state: 1 }));
    kernel.changed(flowOf({ sport: 1, ...replied }));
    const unseen = flowOf({ sport: 2, mark: 9, ...replied });
    kernel.born(unseen);
    kernel.died(unseen);
    kernel.entries.set('unseen', unseen);
    await cluster.clock.advance(100);
    const copy = cluster.node('fw2').kernel.get(flowOf({ sport: 1 }));
    expect(copy?.helper).toBe('ftp');
    expect(cluster.node('fw1').counters.lookups).toBe(1);
  });

  it('K4 admission: a flow that is destroyed while it is looked up does not come back', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    const special = { sport: 1, helper: 'ftp', state: 1, status: Status.confirmed };
    kernel.born(flowOf(special));
    kernel.changed(flowOf({ sport: 1, status: Status.confirmed | Status.seenReply, state: 2 }));
    kernel.emit(KernelEventKind.destroy, flowOf(special));
    await cluster.clock.advance(100);
    expect(cluster.node('fw1').table.size).toBe(0);
  });
});

describe('K5 absolute operations', () => {
  it('K5 operations are absolute per attribute: an UPDATE without mark leaves the mark, and never creates', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.born(flowOf({ mark: 7, state: 3 }));
    await cluster.clock.advance(100);
    kernel.changed(flowOf({ state: 4, timeoutSeconds: 120 }));
    await cluster.clock.advance(100);
    const cell = new FlowRecord();
    const { table } = cluster.node('fw3');
    table.read(table.find(flowOf()), cell);
    expect({ mark: cell.mark, state: cell.tcpState, timeout: cell.timeoutSeconds }).toEqual({
      mark: 7,
      state: 4,
      timeout: 120,
    });
  });
});

describe('K8 promotion', () => {
  it('K8 promotion has an order: from the first sign of MASTER the applier only adds', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ sport: 1 }));
    fw1.kernel.born(flowOf({ sport: 2 }));
    await cluster.clock.advance(100);
    fw2.setMastering(true);
    fw2.kernel.log.length = 0;
    fw1.kernel.changed(flowOf({ sport: 1, state: 7 }));
    fw1.kernel.died(flowOf({ sport: 2 }));
    fw1.kernel.born(flowOf({ sport: 3 }));
    await cluster.clock.advance(100);
    expect(fw2.kernel.log).toEqual(['create 3']);
    expect(fw2.kernel.has(flowOf({ sport: 2 }))).toBe(true);
  });

  it('K8 promotion has an order: everything up to the own activation is in the kernel before capture starts', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.connected = false;
    for (let sport = 1; sport <= 50; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(100);
    fw1.connected = false;
    cluster.elect('fw3');
    fw2.setVrrp('MASTER');
    fw2.connected = true;
    await cluster.clock.advance(200);
    expect(fw2.replicator.first.parts.activation.state).toBe('active');
    expect(fw2.kernel.count()).toBe(50);
  });

  it('K8 promotion has an order: a flow that this kernel destroyed since the first sign is not created again', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    fw2.setMastering(true);
    fw2.kernel.died(flowOf({ sport: 1 }));
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(5_000);
    expect(fw2.kernel.has(flowOf({ sport: 1 }))).toBe(false);
    expect(cluster.node('fw3').table.size).toBe(0);
  });
});

describe('K10, K11, K12', () => {
  it('K10 a kernel that carries traffic is not cleaned: a refused MASTER keeps entries that the table lacks', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(100);
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(100);
    fw2.kernel.died(flowOf({ sport: 1 }));
    fw1.kernel.born(flowOf({ sport: 2 }));
    await cluster.clock.advance(60_000);
    expect(fw1.kernel.count()).toBe(2);
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(5_000);
    expect(fw1.kernel.count()).toBe(2);
    await cluster.clock.advance(60_000);
    expect(fw1.kernel.count()).toBe(0);
  });

  it('K11 one command queue: in one commit deletes go before creates, masters before related flows', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ sport: 1, natTo: '192.168.1.100', natPort: 9 }));
    await cluster.clock.advance(100);
    fw2.kernel.log.length = 0;
    const related = flowOf({ sport: 2 });
    related.attributes |= FlowAttribute.master;
    related.masterProtocol = 6;
    const { capture } = fw1.replicator.first.parts;
    capture.handle(KernelEventKind.new, related);
    capture.handle(KernelEventKind.new, flowOf({ sport: 3, natTo: '192.168.1.100', natPort: 9 }));
    capture.handle(KernelEventKind.destroy, endOf(flowOf({ sport: 1 })));
    capture.flush();
    await cluster.clock.advance(100);
    expect(fw2.kernel.log).toEqual(['delete 1', 'create 3', 'create 2']);
  });

  it('K12 EEXIST has two causes: an entry with the wanted reply tuple goes if the table lacks it', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const inTheWay = flowOf({ sport: 1, natTo: '192.168.1.100', natPort: 9 });
    fw2.kernel.entries.set('stale', inTheWay);
    fw2.kernel.entries.clear();
    fw2.kernel.born(inTheWay);
    fw1.kernel.born(flowOf({ sport: 2, natTo: '192.168.1.100', natPort: 9 }));
    await cluster.clock.advance(100);
    expect(fw2.kernel.has(flowOf({ sport: 2 }))).toBe(true);
    expect(fw2.kernel.has(flowOf({ sport: 1 }))).toBe(false);
  });

  it('K12 EEXIST has two causes: an entry of the same original tuple, translated otherwise, is replaced', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.kernel.born(flowOf({ natTo: '192.168.1.100', natPort: 1111 }));
    fw1.kernel.born(flowOf({ natTo: '192.168.1.100', natPort: 2222 }));
    await cluster.clock.advance(100);
    expect(fw2.kernel.get(flowOf())!.replyL4 & 0xffff).toBe(2222);
  });

  it('K12 EEXIST has two causes: an entry outside the domain stays, and the create is tried once only', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const own = flowOf({ src: '192.168.0.20', sport: 1, natTo: '192.168.1.100', natPort: 9 });
    fw2.kernel.born(own);
    fw1.kernel.born(flowOf({ sport: 2, natTo: '192.168.1.100', natPort: 9 }));
    await cluster.clock.advance(200);
    expect(fw2.kernel.has(own)).toBe(true);
    expect(fw2.kernel.log.filter((line) => line === 'create 2')).toHaveLength(1);
    expect(fw2.counters.kernelFailures['EEXIST']).toBe(1);
  });
});

describe('readiness', () => {
  it('V1 ready means level with a named commit: not before the kernel has what the leader named', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf());
    fw2.kill();
    fw2.kernel.reboot();
    fw2.connected = false;
    await fw2.start();
    await cluster.clock.advance(1_000);
    expect(fw2.trackFile).toBe(0);
    expect(fw2.replicator.first.parts.readiness.ready).toBe(false);
    fw2.connected = true;
    fw2.catchUp();
    await cluster.clock.advance(5_000);
    expect(fw2.kernel.has(flowOf())).toBe(true);
    expect(fw2.trackFile).toBe(1);
  });

  it('T3 the limit is enforced by capture before proposing, apply never refuses', async () => {
    const cluster = await activeCluster();
    cluster.inject({ kind: CommandKind.limit, flowsMax: 2 });
    const { kernel, counters } = cluster.node('fw1');
    for (let sport = 1; sport <= 4; sport += 1) kernel.born(flowOf({ sport }));
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').table.size).toBe(2);
    expect(counters.tableFull).toBe(2);
    const said = cluster.node('fw1').warnings.filter((it) => 'flowsMax' in it);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ flowsMax: 2 });
    kernel.died(flowOf({ sport: 1 }));
    await cluster.clock.advance(11_000);
    expect(cluster.node('fw2').table.size).toBe(2);
  });

  it('marks rows as seen only where the kernel had them', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').kernel.born(flowOf());
    await cluster.clock.advance(100);
    const { table } = cluster.node('fw2');
    expect(table.localFlags(table.find(flowOf())) & SlotFlag.inKernel).toBeTruthy();
  });
});
