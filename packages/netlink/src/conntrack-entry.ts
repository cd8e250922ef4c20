import { AF_INET } from './netlink-protocol.ts';

/** NAT sequence adjustment of one direction, three 32-bit words (enum ctattr_seqadj). */
export interface SequenceAdjustment {
  correctionPosition: number;
  offsetBefore: number;
  offsetAfter: number;
}

/**
 * One conntrack entry, flat: a reusable cell that decoding fills and encoding reads, so that no object is made per flow.
 * A field counts only if its bit of `ConntrackAttribute` is set in `attributes`; family, protocol, zone and the original
 * tuple always count. Addresses are 16 bytes in network order, of which IPv4 uses the first four and leaves the rest zero.
 *
 * An `L4` word is `source port << 16 | destination port` for TCP, UDP, UDP-Lite, SCTP and DCCP,
 * `id << 16 | type << 8 | code` for ICMP and ICMPv6, `source key << 16 | destination key` for GRE, else 0; unsigned.
 */
export class ConntrackEntry {
  attributes = 0;
  /** 2 (AF_INET) or 10 (AF_INET6). */
  family: number = AF_INET;
  /** IP protocol number. */
  protocol = 0;
  /** Zone of the original direction, 0 to 65535. */
  zone = 0;
  readonly originalSource: Uint8Array = addressCell();
  readonly originalDestination: Uint8Array = addressCell();
  originalL4 = 0;

  readonly replySource: Uint8Array = addressCell();
  readonly replyDestination: Uint8Array = addressCell();
  replyL4 = 0;
  /** IPS_* bits, see `ConntrackStatus`. */
  status = 0;
  /** Remaining life in seconds, 0 to 4294967295. */
  timeoutSeconds = 0;
  mark = 0;
  /** enum tcp_conntrack, 0 (NONE) to 9. */
  tcpState = 0;
  tcpWindowScaleOriginal = 0;
  tcpWindowScaleReply = 0;
  /** IP_CT_TCP_FLAG_* bits, see `ConntrackTcpFlag`. */
  tcpFlagsOriginal = 0;
  tcpFlagsReply = 0;
  sctpState = 0;
  sctpVerificationTagOriginal = 0;
  sctpVerificationTagReply = 0;
  dccpState = 0;
  dccpRole = 0;
  dccpSequenceHigh = 0;
  dccpSequenceLow = 0;
  /** 128 label bits as the kernel has them. */
  readonly labels: Uint8Array = addressCell();
  /** At most 15 ASCII characters. */
  helper = '';
  /** Original tuple of the flow that expected this one; family and zone are this flow's own. */
  readonly masterSource: Uint8Array = addressCell();
  readonly masterDestination: Uint8Array = addressCell();
  masterProtocol = 0;
  masterL4 = 0;
  readonly sequenceAdjustOriginal: SequenceAdjustment = sequenceCell();
  readonly sequenceAdjustReply: SequenceAdjustment = sequenceCell();
  synproxyInitialSequence = 0;
  synproxyInitialTimestamp = 0;
  synproxyTimestampOffset = 0;
  /** 0: both directions share `zone`; 1: only the original direction is in `zone`; 2: only the reply one, in `replyZone`. */
  zoneDirection = 0;
  replyZone = 0;
  /**
   * CTA_ID of the kernel, 0 when the message had none. Two different ids are two different flows; equal ones prove
   * nothing, since a re-created tuple often gets the same id.
   */
  id = 0;
}

function addressCell(): Uint8Array {
  return new Uint8Array(new ArrayBuffer(16));
}

function sequenceCell(): SequenceAdjustment {
  return { correctionPosition: 0, offsetBefore: 0, offsetAfter: 0 };
}
