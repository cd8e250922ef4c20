/**
 * Which attributes of a flow carry a value. The same bits are the attribute set of an operation in the log (two bytes),
 * in the checkpoint and in `@raftwall/netlink`'s conntrack entry, so their numbers are never reused.
 */
export const FlowAttribute = {
  reply: 1 << 0,
  status: 1 << 1,
  timeout: 1 << 2,
  mark: 1 << 3,
  tcp: 1 << 4,
  sctp: 1 << 5,
  dccp: 1 << 6,
  labels: 1 << 7,
  helper: 1 << 8,
  master: 1 << 9,
  sequenceAdjustOriginal: 1 << 10,
  sequenceAdjustReply: 1 << 11,
  synproxy: 1 << 12,
  zoneDirection: 1 << 13,
} as const;

/** Three 32-bit words of CTA_PROTOINFO's neighbours: NAT sequence adjustment of one direction (enum ctattr_seqadj). */
export interface SequenceAdjust {
  correctionPosition: number;
  offsetBefore: number;
  offsetAfter: number;
}

/**
 * One flow, flat, with fixed arrays: a reusable cell into which events, log operations and table rows are read and from
 * which messages and rows are written, so that no object is made per flow. A field counts only if its bit is set in
 * `attributes`; the key fields always count. Structurally equal to `ConntrackEntry` of `@raftwall/netlink`.
 *
 * Addresses are 16 bytes, of which IPv4 uses the first four and leaves the rest zero, in network order.
 * An `L4` word is `source port << 16 | destination port` for TCP, UDP, UDP-Lite, SCTP and DCCP,
 * `id << 16 | type << 8 | code` for ICMP and ICMPv6, `source key << 16 | destination key` for GRE, else 0; unsigned.
 */
export interface FlowFields {
  attributes: number;
  /** 2 (AF_INET) or 10 (AF_INET6). Key. */
  family: number;
  /** IP protocol number. Key. */
  protocol: number;
  /** Conntrack zone of the original direction, 0 to 65535. Key. */
  zone: number;
  /** Key. */
  readonly originalSource: Uint8Array;
  /** Key. */
  readonly originalDestination: Uint8Array;
  /** Key. */
  originalL4: number;

  readonly replySource: Uint8Array;
  readonly replyDestination: Uint8Array;
  replyL4: number;
  /** IPS_* bits of nf_conntrack_common.h. */
  status: number;
  /** Remaining life in seconds. */
  timeoutSeconds: number;
  mark: number;
  /** enum tcp_conntrack. */
  tcpState: number;
  tcpWindowScaleOriginal: number;
  tcpWindowScaleReply: number;
  /** IP_CT_TCP_FLAG_* bits. */
  tcpFlagsOriginal: number;
  tcpFlagsReply: number;
  sctpState: number;
  sctpVerificationTagOriginal: number;
  sctpVerificationTagReply: number;
  dccpState: number;
  dccpRole: number;
  dccpSequenceHigh: number;
  dccpSequenceLow: number;
  /** 16 bytes, 128 label bits as the kernel has them. */
  readonly labels: Uint8Array;
  /** Name of the connection-tracking helper, at most 15 ASCII characters. */
  helper: string;
  /** Original tuple of the flow that expected this one; family and zone are this flow's own. */
  readonly masterSource: Uint8Array;
  readonly masterDestination: Uint8Array;
  masterProtocol: number;
  masterL4: number;
  readonly sequenceAdjustOriginal: SequenceAdjust;
  readonly sequenceAdjustReply: SequenceAdjust;
  synproxyInitialSequence: number;
  synproxyInitialTimestamp: number;
  synproxyTimestampOffset: number;
  /** 0 both directions share `zone`; 1 only the original direction is in `zone`; 2 only the reply direction is in `replyZone`. */
  zoneDirection: number;
  replyZone: number;
}

/** What names a flow. */
export type FlowKeyFields = Pick<
  FlowFields,
  'family' | 'protocol' | 'zone' | 'originalSource' | 'originalDestination' | 'originalL4'
>;
