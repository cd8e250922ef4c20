import { describe, expect, it } from 'vitest';
import { Admission } from '../../src/admission.ts';
import { captureDefaults } from '../../src/options.ts';
import { FakeCluster } from '../support/fake-cluster.ts';
import { flowOf, Status } from '../support/flows.ts';

const { confirmed, seenReply, assured } = Status;
const ESTABLISHED = 3;
const TIME_WAIT = 7;

describe('Admission', () => {
  it.each([
    ['all', [true, true, true]],
    ['replied', [false, true, true]],
    ['assured', [false, false, true]],
  ] as const)('%s: what a flow must have shown', (admit, expected) => {
    const admission = new Admission({ admit, tcpStates: [], marks: [] });
    const shown = [confirmed, confirmed | seenReply, confirmed | seenReply | assured];
    expect(shown.map((status) => admission.isAdmitted(flowOf({ status })))).toEqual(expected);
  });

  it('asks TCP flows alone for their state, and does not guess it', () => {
    const admission = new Admission({ admit: 'replied', tcpStates: [ESTABLISHED], marks: [] });
    expect(admission.isAdmitted(flowOf({ state: ESTABLISHED }))).toBe(true);
    expect(admission.isAdmitted(flowOf({ state: TIME_WAIT }))).toBe(false);
    expect(admission.isAdmitted(flowOf({ protocol: 17 }))).toBe(true);
    const untold = flowOf({ state: ESTABLISHED });
    untold.attributes &= ~(1 << 4);
    expect(admission.isAdmitted(untold)).toBe(false);
  });

  it('compares marks under their masks; a flow without one has 0', () => {
    const marks = [
      { value: 0x10, mask: 0xf0 },
      { value: 7, mask: 0xffffffff },
    ];
    const admission = new Admission({ admit: 'replied', tcpStates: [], marks });
    const isIn = (mark?: number) =>
      admission.isAdmitted(flowOf(mark === undefined ? {} : { mark }));
    expect([0x1f, 7, 0x110, 0x20, 0x107, 0].map(isIn)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(isIn()).toBe(false);
    const zero = new Admission({ admit: 'all', tcpStates: [], marks: [{ value: 0, mask: 1 }] });
    expect(zero.isAdmitted(flowOf())).toBe(true);
  });
});

describe('a filter by state and mark', () => {
  it('decides when a flow comes in; once in, it stays to its end whatever becomes of it', async () => {
    const cluster = new FakeCluster(['fw1', 'fw2']);
    const capture = {
      ...captureDefaults,
      tcpStates: [ESTABLISHED],
      marks: [{ value: 1, mask: 1 }],
    };
    for (const node of cluster.nodes) await node.start({ capture });
    cluster.node('fw1').setVrrp('MASTER');
    await cluster.clock.advance(800);
    const { kernel } = cluster.node('fw1');
    const other = cluster.node('fw2').kernel;
    kernel.born(flowOf({ sport: 1, state: 2, mark: 1 }));
    kernel.born(flowOf({ sport: 2, mark: 2 }));
    await cluster.clock.advance(100);
    expect(other.count()).toBe(0);
    kernel.changed(flowOf({ sport: 1, state: ESTABLISHED, mark: 1 }));
    await cluster.clock.advance(100);
    expect(other.get(flowOf({ sport: 1 }))?.tcpState).toBe(ESTABLISHED);
    kernel.changed(flowOf({ sport: 1, state: TIME_WAIT, mark: 0 }));
    await cluster.clock.advance(100);
    expect(other.get(flowOf({ sport: 1 }))).toMatchObject({ tcpState: TIME_WAIT, mark: 0 });
    await cluster.node('fw1').replicator.reconcileNow('test');
    await cluster.clock.advance(100);
    expect(other.count()).toBe(1);
  });
});
