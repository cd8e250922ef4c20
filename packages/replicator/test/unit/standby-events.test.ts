import { FlowRecord } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { activeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

const finWait = 4;

describe('K7 everybody listens', () => {
  it('K7 everybody listens: what packets did between the address and the own activation is committed with it', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2, fw3] = ['fw1', 'fw2', 'fw3'].map((id) => cluster.node(id));
    fw1!.kernel.born(flowOf({ sport: 1, timeoutSeconds: 400_000 }));
    fw1!.kernel.born(flowOf({ sport: 2, protocol: 17 }));
    await cluster.clock.advance(100);
    fw1!.connected = false;
    fw2!.connected = false;
    fw2!.setVrrp('MASTER');
    fw2!.kernel.changed(flowOf({ sport: 1, state: finWait, timeoutSeconds: 120 }));
    fw2!.kernel.died(flowOf({ sport: 2, protocol: 17 }));
    fw2!.kernel.born(flowOf({ sport: 3 }));
    await cluster.clock.advance(1_000);
    expect(fw3!.table.size).toBe(2);
    cluster.elect('fw3');
    fw2!.connected = true;
    fw2!.catchUp();
    await cluster.clock.advance(2_000);
    expect(fw2!.replicator.first.parts.activation.state).toBe('active');
    const { table } = fw3!;
    const cell = new FlowRecord();
    table.read(table.find(flowOf({ sport: 1 })), cell);
    expect(cell.tcpState).toBe(finWait);
    expect(cell.timeoutSeconds).toBeLessThan(121);
    expect(table.find(flowOf({ sport: 2, protocol: 17 }))).toBe(-1);
    expect(table.find(flowOf({ sport: 3 }))).toBeGreaterThanOrEqual(0);
  });

  it('K7 everybody listens: without an activation what packets ended on a standby is repaired', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf());
    await cluster.clock.advance(100);
    fw2.kernel.died(flowOf());
    await cluster.clock.advance(100);
    expect(fw2.kernel.has(flowOf())).toBe(true);
    expect(fw1.table.size).toBe(1);
  });
});
