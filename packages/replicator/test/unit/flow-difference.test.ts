import { FlowAttribute, type FlowRecord } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { flowDifference } from '../../src/flow-difference.ts';
import { flowOf, Status } from '../support/flows.ts';

const changes: readonly (readonly [keyof typeof FlowAttribute, (flow: FlowRecord) => void])[] = [
  ['mark', (flow) => Object.assign(flow, { mark: 1 })],
  ['tcp', (flow) => Object.assign(flow, { tcpState: 5 })],
  ['sctp', (flow) => Object.assign(flow, { sctpVerificationTagReply: 1 })],
  ['dccp', (flow) => Object.assign(flow, { dccpState: 1 })],
  ['labels', (flow) => flow.labels.fill(1)],
  [
    'sequenceAdjustOriginal',
    (flow) => Object.assign(flow.sequenceAdjustOriginal, { offsetAfter: 1 }),
  ],
  ['sequenceAdjustReply', (flow) => Object.assign(flow.sequenceAdjustReply, { offsetBefore: 1 })],
  ['synproxy', (flow) => Object.assign(flow, { synproxyTimestampOffset: 1 })],
];

describe('flowDifference', () => {
  it.each(changes)('finds another value of %s, whichever side is the truth', (name, change) => {
    const [row, entry] = [flowOf(), flowOf()];
    row.attributes |= FlowAttribute[name];
    entry.attributes |= FlowAttribute[name];
    expect(flowDifference('kernel', row, entry)).toBe(0);
    change(entry);
    expect(flowDifference('kernel', row, entry)).toBe(FlowAttribute[name]);
    expect(flowDifference('table', row, entry)).toBe(FlowAttribute[name]);
  });

  it.each(['labels', 'sequenceAdjustOriginal', 'sequenceAdjustReply', 'synproxy'] as const)(
    'finds %s that the kernel has learnt and the row lacks, but asks no standby for what it may not take',
    (name) => {
      const [row, entry] = [flowOf(), flowOf()];
      entry.attributes |= FlowAttribute[name];
      expect(flowDifference('kernel', row, entry)).toBe(FlowAttribute[name]);
      expect(flowDifference('table', entry, row)).toBe(0);
    },
  );

  it('leaves times and status bits that the truth lacks alone', () => {
    const row = flowOf({ timeoutSeconds: 5 });
    const entry = flowOf({ status: Status.confirmed, timeoutSeconds: 500 });
    expect(flowDifference('kernel', row, entry)).toBe(0);
    expect(flowDifference('table', row, entry)).toBe(FlowAttribute.status);
  });
});
