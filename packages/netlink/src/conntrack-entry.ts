import { AF_INET } from './netlink-protocol.ts';

/** NAT sequence adjustment of one direction, three 32-bit words (enum ctattr_seqadj). */
export interface SequenceAdjustment {
  correctionPosition: number;
  offsetBefore: number;
  offsetAfter: number;
}

/** First word of each address in `ConntrackEntry.addressWords`. */
export const AddressCell = {
  originalSource: 0,
  originalDestination: 4,
  replySource: 8,
  replyDestination: 12,
  masterSource: 16,
  masterDestination: 20,
} as const;

/**
 * One conntrack entry, flat: a reusable cell that decoding fills and encoding reads, so that no object is made per flow.
 * A field counts only if its bit of `ConntrackAttribute` is set in `attributes`; family, protocol, zone and the original
 * tuple always count. Addresses are 16 bytes in network order, of which IPv4 uses the first four and leaves the rest zero.
 *
 * An `L4` word is `source port << 16 | destination port` for TCP, UDP, UDP-Lite, SCTP and DCCP,
 * `id << 16 | type << 8 | code` for ICMP and ICMPv6, `source key << 16 | destination key` for GRE, else 0; unsigned.
 */
export class ConntrackEntry {
  /** The bytes of all address cells, in the order of `AddressCell`, as words: decoding copies four bytes at a time. */
  readonly addressWords: Int32Array = new Int32Array(new ArrayBuffer(6 * 16));
  attributes = 0;
  /** 2 (AF_INET) or 10 (AF_INET6). */
  family: number = AF_INET;
  /** IP protocol number. */
  protocol = 0;
  /** Zone of the original direction, 0 to 65535. */
  zone = 0;
  readonly originalSource: Uint8Array = cell(this.addressWords, AddressCell.originalSource);
  readonly originalDestination: Uint8Array = cell(
    this.addressWords,
    AddressCell.originalDestination,
  );
  originalL4 = 0;

  readonly replySource: Uint8Array = cell(this.addressWords, AddressCell.replySource);
  readonly replyDestination: Uint8Array = cell(this.addressWords, AddressCell.replyDestination);
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
  readonly labels: Uint8Array = new Uint8Array(new ArrayBuffer(16));
  /** At most 15 ASCII characters. */
  helper = '';
  /** Original tuple of the flow that expected this one; family and zone are this flow's own. */
  readonly masterSource: Uint8Array = cell(this.addressWords, AddressCell.masterSource);
  readonly masterDestination: Uint8Array = cell(this.addressWords, AddressCell.masterDestination);
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

/** What encoding reads: any cell with the fields of an entry will do. */
export type ConntrackFields = Readonly<Omit<ConntrackEntry, 'id' | 'addressWords'>>;

function cell(words: Int32Array, firstWord: number): Uint8Array {
  return new Uint8Array(words.buffer, firstWord * 4, 16);
}

function sequenceCell(): SequenceAdjustment {
  return { correctionPosition: 0, offsetBefore: 0, offsetAfter: 0 };
}
