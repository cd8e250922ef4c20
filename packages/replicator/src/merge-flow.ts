import { FlowAttribute, type FlowFields, type SequenceAdjust } from '@raftwall/flow-table';

type Copier = (into: FlowFields, from: FlowFields) => void;

const copiers: readonly (readonly [number, Copier])[] = [
  [
    FlowAttribute.reply,
    (into, from) => {
      into.replySource.set(from.replySource);
      into.replyDestination.set(from.replyDestination);
      into.replyL4 = from.replyL4;
    },
  ],
  [
    FlowAttribute.status,
    (into, from) => {
      into.status = from.status;
    },
  ],
  [
    FlowAttribute.timeout,
    (into, from) => {
      into.timeoutSeconds = from.timeoutSeconds;
    },
  ],
  [
    FlowAttribute.mark,
    (into, from) => {
      into.mark = from.mark;
    },
  ],
  [
    FlowAttribute.tcp,
    (into, from) => {
      into.tcpState = from.tcpState;
      into.tcpWindowScaleOriginal = from.tcpWindowScaleOriginal;
      into.tcpWindowScaleReply = from.tcpWindowScaleReply;
      into.tcpFlagsOriginal = from.tcpFlagsOriginal;
      into.tcpFlagsReply = from.tcpFlagsReply;
    },
  ],
  [
    FlowAttribute.sctp,
    (into, from) => {
      into.sctpState = from.sctpState;
      into.sctpVerificationTagOriginal = from.sctpVerificationTagOriginal;
      into.sctpVerificationTagReply = from.sctpVerificationTagReply;
    },
  ],
  [
    FlowAttribute.dccp,
    (into, from) => {
      into.dccpState = from.dccpState;
      into.dccpRole = from.dccpRole;
      into.dccpSequenceHigh = from.dccpSequenceHigh;
      into.dccpSequenceLow = from.dccpSequenceLow;
    },
  ],
  [FlowAttribute.labels, (into, from) => into.labels.set(from.labels)],
  [
    FlowAttribute.helper,
    (into, from) => {
      into.helper = from.helper;
    },
  ],
  [
    FlowAttribute.master,
    (into, from) => {
      into.masterSource.set(from.masterSource);
      into.masterDestination.set(from.masterDestination);
      into.masterProtocol = from.masterProtocol;
      into.masterL4 = from.masterL4;
    },
  ],
  [
    FlowAttribute.sequenceAdjustOriginal,
    (into, from) => copyAdjust(into.sequenceAdjustOriginal, from.sequenceAdjustOriginal),
  ],
  [
    FlowAttribute.sequenceAdjustReply,
    (into, from) => copyAdjust(into.sequenceAdjustReply, from.sequenceAdjustReply),
  ],
  [
    FlowAttribute.synproxy,
    (into, from) => {
      into.synproxyInitialSequence = from.synproxyInitialSequence;
      into.synproxyInitialTimestamp = from.synproxyInitialTimestamp;
      into.synproxyTimestampOffset = from.synproxyTimestampOffset;
    },
  ],
  [
    FlowAttribute.zoneDirection,
    (into, from) => {
      into.zoneDirection = from.zoneDirection;
      into.replyZone = from.replyZone;
    },
  ],
];

function copyAdjust(into: SequenceAdjust, from: SequenceAdjust): void {
  into.correctionPosition = from.correctionPosition;
  into.offsetBefore = from.offsetBefore;
  into.offsetAfter = from.offsetAfter;
}

/** Takes over exactly the attributes that `from` carries: later events lack what earlier ones had (rule K5). */
export function mergeFlow(into: FlowFields, from: FlowFields): void {
  for (const [attribute, copy] of copiers) {
    if (from.attributes & attribute) copy(into, from);
  }
  into.attributes |= from.attributes;
}
