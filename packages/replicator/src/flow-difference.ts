import { FlowAttribute, type FlowFields, type SequenceAdjust } from '@raftwall/flow-table';

/** IPS_SEEN_REPLY and IPS_ASSURED: what a kernel says of a flow's traffic. */
const comparedStatus = (1 << 1) | (1 << 2);

type Same = (left: FlowFields, right: FlowFields) => boolean;

/** Attributes that both sides may have in different values; translation and times are compared elsewhere. */
const comparisons: readonly (readonly [number, Same])[] = [
  [FlowAttribute.tcp, (a, b) => a.tcpState === b.tcpState],
  [FlowAttribute.sctp, sameSctp],
  [FlowAttribute.dccp, (a, b) => a.dccpState === b.dccpState && a.dccpRole === b.dccpRole],
  [FlowAttribute.labels, (a, b) => a.labels.every((byte, at) => byte === b.labels[at])],
  [
    FlowAttribute.sequenceAdjustOriginal,
    (a, b) => sameAdjust(a.sequenceAdjustOriginal, b.sequenceAdjustOriginal),
  ],
  [
    FlowAttribute.sequenceAdjustReply,
    (a, b) => sameAdjust(a.sequenceAdjustReply, b.sequenceAdjustReply),
  ],
  [FlowAttribute.synproxy, sameSynproxy],
];

/** What only the kernel that saw the flow's packets can know: a row without it has missed something. */
const learnt =
  FlowAttribute.labels |
  FlowAttribute.sequenceAdjustOriginal |
  FlowAttribute.sequenceAdjustReply |
  FlowAttribute.synproxy;

/**
 * Attributes in which the side to be repaired differs from the truth, times and translation apart. Status bits can only be
 * added: a kernel takes none back, and a row's own bits come from a kernel.
 *
 * @param truth which side is right; `none` is compared as `table`.
 * @returns `FlowAttribute` bits.
 */
export function flowDifference(
  truth: 'kernel' | 'table' | 'none',
  row: FlowFields,
  entry: FlowFields,
): number {
  let set = 0;
  const missing = truth === 'kernel' ? entry.status & ~row.status : row.status & ~entry.status;
  if (missing & comparedStatus) set |= FlowAttribute.status;
  if (markOf(row) !== markOf(entry)) set |= FlowAttribute.mark;
  const both = row.attributes & entry.attributes;
  for (const [attribute, isSame] of comparisons) {
    if (both & attribute && !isSame(row, entry)) set |= attribute;
  }
  if (truth === 'kernel') set |= entry.attributes & ~row.attributes & learnt;
  return set;
}

function markOf(flow: FlowFields): number {
  return flow.attributes & FlowAttribute.mark ? flow.mark >>> 0 : 0;
}

function sameSctp(left: FlowFields, right: FlowFields): boolean {
  return (
    left.sctpState === right.sctpState &&
    left.sctpVerificationTagOriginal === right.sctpVerificationTagOriginal &&
    left.sctpVerificationTagReply === right.sctpVerificationTagReply
  );
}

function sameAdjust(left: SequenceAdjust, right: SequenceAdjust): boolean {
  return (
    left.correctionPosition === right.correctionPosition &&
    left.offsetBefore === right.offsetBefore &&
    left.offsetAfter === right.offsetAfter
  );
}

function sameSynproxy(left: FlowFields, right: FlowFields): boolean {
  return (
    left.synproxyInitialSequence === right.synproxyInitialSequence &&
    left.synproxyInitialTimestamp === right.synproxyInitialTimestamp &&
    left.synproxyTimestampOffset === right.synproxyTimestampOffset
  );
}
