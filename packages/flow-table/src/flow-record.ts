import type { FlowFields, FlowKeyFields, SequenceAdjust } from './flow-fields.ts';

const newSequenceAdjust = (): SequenceAdjust => ({
  correctionPosition: 0,
  offsetBefore: 0,
  offsetAfter: 0,
});

function copySequenceAdjust(from: SequenceAdjust, to: SequenceAdjust): void {
  to.correctionPosition = from.correctionPosition;
  to.offsetBefore = from.offsetBefore;
  to.offsetAfter = from.offsetAfter;
}

/** The reusable cell behind {@link FlowFields}: made once, filled many times. Starts as an empty IPv4 flow. */
export class FlowRecord implements FlowFields {
  attributes = 0;
  family = 2;
  protocol = 0;
  zone = 0;
  readonly originalSource = new Uint8Array(16);
  readonly originalDestination = new Uint8Array(16);
  originalL4 = 0;
  readonly replySource = new Uint8Array(16);
  readonly replyDestination = new Uint8Array(16);
  replyL4 = 0;
  status = 0;
  timeoutSeconds = 0;
  mark = 0;
  tcpState = 0;
  tcpWindowScaleOriginal = 0;
  tcpWindowScaleReply = 0;
  tcpFlagsOriginal = 0;
  tcpFlagsReply = 0;
  sctpState = 0;
  sctpVerificationTagOriginal = 0;
  sctpVerificationTagReply = 0;
  dccpState = 0;
  dccpRole = 0;
  dccpSequenceHigh = 0;
  dccpSequenceLow = 0;
  readonly labels = new Uint8Array(16);
  helper = '';
  readonly masterSource = new Uint8Array(16);
  readonly masterDestination = new Uint8Array(16);
  masterProtocol = 0;
  masterL4 = 0;
  readonly sequenceAdjustOriginal = newSequenceAdjust();
  readonly sequenceAdjustReply = newSequenceAdjust();
  synproxyInitialSequence = 0;
  synproxyInitialTimestamp = 0;
  synproxyTimestampOffset = 0;
  zoneDirection = 0;
  replyZone = 0;

  /** Makes it an empty IPv4 flow again, every field zero. */
  clear(): void {
    this.copyFrom(EMPTY);
  }

  /** Copies the key fields only; attributes and other fields stay. */
  copyKeyFrom(other: FlowKeyFields): void {
    this.family = other.family;
    this.protocol = other.protocol;
    this.zone = other.zone;
    this.originalSource.set(other.originalSource);
    this.originalDestination.set(other.originalDestination);
    this.originalL4 = other.originalL4;
  }

  /** Copies every field, whether its attribute is set or not. */
  copyFrom(other: FlowFields): void {
    this.copyKeyFrom(other);
    this.attributes = other.attributes;
    this.replySource.set(other.replySource);
    this.replyDestination.set(other.replyDestination);
    this.replyL4 = other.replyL4;
    this.status = other.status;
    this.timeoutSeconds = other.timeoutSeconds;
    this.mark = other.mark;
    this.#copyProtocolFrom(other);
    this.labels.set(other.labels);
    this.helper = other.helper;
    this.masterSource.set(other.masterSource);
    this.masterDestination.set(other.masterDestination);
    this.masterProtocol = other.masterProtocol;
    this.masterL4 = other.masterL4;
    copySequenceAdjust(other.sequenceAdjustOriginal, this.sequenceAdjustOriginal);
    copySequenceAdjust(other.sequenceAdjustReply, this.sequenceAdjustReply);
    this.synproxyInitialSequence = other.synproxyInitialSequence;
    this.synproxyInitialTimestamp = other.synproxyInitialTimestamp;
    this.synproxyTimestampOffset = other.synproxyTimestampOffset;
    this.zoneDirection = other.zoneDirection;
    this.replyZone = other.replyZone;
  }

  #copyProtocolFrom(other: FlowFields): void {
    this.tcpState = other.tcpState;
    this.tcpWindowScaleOriginal = other.tcpWindowScaleOriginal;
    this.tcpWindowScaleReply = other.tcpWindowScaleReply;
    this.tcpFlagsOriginal = other.tcpFlagsOriginal;
    this.tcpFlagsReply = other.tcpFlagsReply;
    this.sctpState = other.sctpState;
    this.sctpVerificationTagOriginal = other.sctpVerificationTagOriginal;
    this.sctpVerificationTagReply = other.sctpVerificationTagReply;
    this.dccpState = other.dccpState;
    this.dccpRole = other.dccpRole;
    this.dccpSequenceHigh = other.dccpSequenceHigh;
    this.dccpSequenceLow = other.dccpSequenceLow;
  }
}

const EMPTY = new FlowRecord();
