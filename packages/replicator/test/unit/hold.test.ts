import { FlowAttribute, type FlowRecord } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { Hold } from '../../src/hold.ts';
import { applierDefaults } from '../../src/options.ts';
import { established, flowOf } from '../support/flows.ts';

const hold = new Hold(applierDefaults);
const OFFLOAD = 1 << 14;

/** As the kernel reports a flow in a flowtable; what a reused cell has of other flows is rubbish. */
function offloaded(protocol: number): FlowRecord {
  const flow = flowOf({
    protocol,
    status: established | OFFLOAD,
    timeoutSeconds: 77_777,
    state: 7,
  });
  flow.attributes &= ~(FlowAttribute.timeout | FlowAttribute.tcp);
  return flow;
}

describe('K14 holds of offloaded flows', () => {
  it('K14 holds: an offloaded TCP flow is established, whatever state is left in the cell', () => {
    expect(hold.timeoutSeconds(offloaded(6))).toBe(applierDefaults.tcpEstablishedSeconds);
    expect(hold.rearmedSeconds(offloaded(6))).toBe(applierDefaults.tcpEstablishedSeconds);
    const closing = flowOf({ state: 7, status: established | OFFLOAD, timeoutSeconds: 5 });
    expect(hold.timeoutSeconds(closing)).toBe(5 + applierDefaults.holdSeconds);
  });

  it('K14 holds: another one is kept for the hold alone', () => {
    expect(hold.timeoutSeconds(offloaded(17))).toBe(applierDefaults.holdSeconds);
    expect(hold.rearmedSeconds(offloaded(17))).toBe(applierDefaults.rearmedSecondsMin);
  });

  it('K14 holds: an entry without a timeout is neither due, held nor moved', () => {
    const row = flowOf({ protocol: 17, timeoutSeconds: 30 });
    const entry = offloaded(17);
    for (entry.timeoutSeconds of [0, 600, 77_777]) {
      expect(hold.isDue(row, entry)).toBe(false);
      expect(hold.isHeld(row, entry)).toBe(false);
      expect(hold.hasMoved(row, entry)).toBe(false);
    }
  });
});
