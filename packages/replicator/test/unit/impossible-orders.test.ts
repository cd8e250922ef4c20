import { describe, expect, it } from 'vitest';
import { KernelEventKind } from '../../src/ports.ts';
import { activeCluster } from '../support/fake-cluster.ts';
import { endOf, flowOf, Status } from '../support/flows.ts';

const dying = 1 << 9;

describe('K3 impossible orders', () => {
  it('K3 disbelieve impossible orders: a NEW behind its own DESTROY raises no zombie', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.emit(KernelEventKind.destroy, endOf(flowOf()));
    kernel.emit(KernelEventKind.new, flowOf());
    await cluster.clock.advance(500);
    expect(cluster.node('fw2').table.size).toBe(0);
    expect(cluster.node('fw1').counters.lookups).toBeGreaterThan(0);
  });

  it('K3 disbelieve impossible orders: an UPDATE behind the DESTROY of its flow raises no zombie', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    const unreplied = flowOf({ status: Status.confirmed, state: 1 });
    kernel.born(flowOf());
    await cluster.clock.advance(100);
    kernel.died(flowOf());
    kernel.emit(KernelEventKind.new, unreplied);
    kernel.emit(KernelEventKind.update, flowOf());
    await cluster.clock.advance(500);
    expect(cluster.node('fw2').table.size).toBe(0);
  });

  it('K3 disbelieve impossible orders: a tuple that is really born again at once is another flow', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    kernel.born(flowOf({ mark: 1 }));
    await cluster.clock.advance(100);
    kernel.died(flowOf({ mark: 1 }));
    kernel.born(flowOf({ mark: 2 }));
    await cluster.clock.advance(500);
    expect(cluster.node('fw2').kernel.get(flowOf())?.mark).toBe(2);
  });

  it('K3 disbelieve impossible orders: what the kernel is about to take out is gone', async () => {
    const cluster = await activeCluster();
    const { kernel } = cluster.node('fw1');
    const leaving = flowOf({ status: dying | Status.confirmed | Status.seenReply });
    kernel.emit(KernelEventKind.destroy, endOf(flowOf()));
    kernel.entries.set('leaving', leaving);
    kernel.vanished(leaving);
    kernel.born(leaving);
    await cluster.clock.advance(500);
    expect(cluster.node('fw2').table.size).toBe(0);
  });

  it('K3 disbelieve impossible orders: a flow that lives although its DESTROY came before anything else is found', async () => {
    const cluster = await activeCluster();
    const { kernel, counters } = { ...cluster.node('fw1') };
    kernel.born(flowOf({ status: Status.confirmed, state: 1 }));
    const { lookups } = counters;
    kernel.changed(flowOf({ status: Status.confirmed | Status.seenReply }));
    await cluster.clock.advance(100);
    expect(counters.lookups).toBe(lookups);
    kernel.entries.clear();
    kernel.born(flowOf({ sport: 2, status: Status.confirmed, state: 1 }));
    kernel.get(flowOf({ sport: 2 }))!.status |= Status.seenReply;
    kernel.emit(KernelEventKind.destroy, endOf(flowOf({ sport: 2 })));
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').table.find(flowOf({ sport: 2 }))).toBeGreaterThanOrEqual(0);
  });

  it('K3 disbelieve impossible orders: ends of flows that were never worth replicating cost no look-up', async () => {
    const cluster = await activeCluster();
    const { kernel, counters } = cluster.node('fw1');
    for (let sport = 1; sport <= 100; sport += 1) {
      const attempt = flowOf({ sport, status: Status.confirmed, state: 1 });
      kernel.born(attempt);
      kernel.died(attempt);
    }
    await cluster.clock.advance(500);
    expect(counters.lookups).toBe(0);
  });

  it('K3 disbelieve impossible orders: after some seconds a NEW is believed as it is', async () => {
    const cluster = await activeCluster();
    const { kernel, counters } = cluster.node('fw1');
    kernel.born(flowOf());
    await cluster.clock.advance(100);
    kernel.died(flowOf());
    await cluster.clock.advance(4_100);
    kernel.born(flowOf());
    await cluster.clock.advance(100);
    expect(counters.lookups).toBe(0);
    expect(cluster.node('fw2').table.size).toBe(1);
  });
});
