import { FlowAttribute } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { KernelEventKind } from '../../src/ports.ts';
import { activeCluster } from '../support/fake-cluster.ts';
import { established, flowOf } from '../support/flows.ts';

const ENOENT = 2;
const EINVAL = 22;
const ENOSPC = 28;
const EOPNOTSUPP = 95;
const sequenceAdjusted = 1 << 6;

const { helper, master, labels } = FlowAttribute;

describe('K12 EEXIST has two causes', () => {
  it('K12 EEXIST has two causes: of two flows with one reply tuple the newer in the log wins', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const older = flowOf({ sport: 1, natTo: '192.168.1.100', natPort: 9 });
    fw1.kernel.born(older);
    await cluster.clock.advance(100);
    // Its end is not heard of, and its port is given to the next flow.
    fw1.kernel.vanished(older);
    fw1.kernel.born(flowOf({ sport: 2, natTo: '192.168.1.100', natPort: 9 }));
    await cluster.clock.advance(100);
    expect(fw2.table.size).toBe(2);
    expect(fw2.kernel.has(flowOf({ sport: 2 }))).toBe(true);
    expect(fw2.kernel.has(older)).toBe(false);
    // The older one does not come back when it finds the newer one in its way.
    await fw2.replicator.reconcileNow('test');
    expect(fw2.kernel.has(flowOf({ sport: 2 }))).toBe(true);
    expect(fw2.kernel.has(older)).toBe(false);
  });
});

describe('K13 one bad attribute loses no flow', () => {
  it.each([
    ['helper', helper, EOPNOTSUPP],
    ['master', master, ENOENT],
    ['labels', labels, ENOSPC],
    ['labels', labels, EINVAL],
  ])(
    'K13 one bad attribute loses no flow: without its %s (bit %i) after errno %i',
    async (name, bit, errno) => {
      const cluster = await activeCluster();
      const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
      fw2.kernel.refuses = (_, flow) => (flow.attributes & bit ? errno : 0);
      const flow = flowOf({ mark: 7 });
      flow.attributes |= bit;
      flow.helper = 'ftp';
      flow.masterProtocol = 6;
      fw1.replicator.first.parts.capture.handle(KernelEventKind.new, flow);
      fw1.replicator.first.parts.capture.flush();
      await cluster.clock.advance(100);
      expect(fw2.kernel.get(flow)?.mark).toBe(7);
      expect(fw2.counters.attributesRefused).toEqual({ [name]: 1 });
      expect(fw2.counters.kernelFailures).toEqual({});
      // The table keeps what this kernel does not want, and later messages do not offer it again.
      const changed = flowOf({ mark: 8 });
      fw1.replicator.first.parts.capture.handle(KernelEventKind.update, changed);
      fw1.replicator.first.parts.capture.flush();
      await cluster.clock.advance(100);
      expect(fw2.kernel.get(flow)?.mark).toBe(8);
      expect(fw2.counters.attributesRefused).toEqual({ [name]: 1 });
      expect(fw2.table.attributes(fw2.table.find(flow)) & bit).toBe(bit);
    },
  );

  it('K13 one bad attribute loses no flow: an errno that no attribute explains is counted', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.kernel.refuses = () => EINVAL;
    fw1.kernel.born(flowOf());
    await cluster.clock.advance(100);
    expect(fw2.counters.kernelFailures).toEqual({ 'errno 22': 1 });
    expect(fw2.kernel.log).toEqual(['create 40000']);
  });

  it('K13 one bad attribute loses no flow: sequence adjustment is injected with its values or the flow not at all', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    const { capture } = fw1.replicator.first.parts;
    const flow = flowOf({ status: established | sequenceAdjusted });
    capture.handle(KernelEventKind.new, flow);
    capture.flush();
    await cluster.clock.advance(100);
    expect(fw2.table.size).toBe(1);
    expect(fw2.kernel.has(flow)).toBe(false);
    expect(fw2.counters.incomplete).toBeGreaterThan(0);
    flow.attributes = FlowAttribute.sequenceAdjustOriginal;
    flow.sequenceAdjustOriginal.offsetAfter = 3;
    capture.handle(KernelEventKind.update, flow);
    capture.flush();
    await cluster.clock.advance(100);
    expect(fw2.kernel.get(flow)?.sequenceAdjustOriginal.offsetAfter).toBe(3);
  });
});

describe('K14 holds', () => {
  it('K14 holds: an entry whose life is fixed is made anew when its hold has run down', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ protocol: 17, sport: 1 }));
    await cluster.clock.advance(100);
    const entry = fw2.kernel.get(flowOf({ protocol: 17, sport: 1 }))!;
    entry.status |= 1 << 10;
    entry.timeoutSeconds = 10;
    fw2.kernel.log.length = 0;
    await fw2.replicator.reconcileNow('test');
    expect(fw2.kernel.log).toEqual(['delete 1', 'create 1']);
    expect(fw2.kernel.get(entry)!.timeoutSeconds).toBeGreaterThan(600);
  });
});
