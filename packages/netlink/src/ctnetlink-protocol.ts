/** Numbers of ctnetlink (linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h, nf_conntrack_tcp.h). */

export const SUBSYSTEM_CTNETLINK = 1;
/** Expectations: what helpers expect to be opened. */
export const SUBSYSTEM_EXPECTATIONS = 2;

export const CtMessage = { new: 0, get: 1, delete: 2 } as const;

/** Multicast groups of conntrack events. */
export const CtGroup = { new: 1, update: 2, destroy: 3 } as const;

/** Multicast groups of expectation events. */
export const ExpectationGroup = { new: 4, destroy: 6 } as const;

export const CtaExpect = {
  master: 1,
  tuple: 2,
  mask: 3,
  timeout: 4,
  id: 5,
  helper: 6,
  zone: 7,
  flags: 8,
  policy: 9,
  nat: 10,
  nextHelper: 11,
} as const;

export const CtaExpectNat = { direction: 1, tuple: 2 } as const;

export const Cta = {
  tupleOriginal: 1,
  tupleReply: 2,
  status: 3,
  protoInfo: 4,
  help: 5,
  natSource: 6,
  timeout: 7,
  mark: 8,
  id: 12,
  natDestination: 13,
  tupleMaster: 14,
  seqAdjOriginal: 15,
  seqAdjReply: 16,
  zone: 18,
  labels: 22,
  synproxy: 24,
} as const;

export const CtaTuple = { ip: 1, proto: 2, zone: 3 } as const;
export const CtaIp = { v4Source: 1, v4Destination: 2, v6Source: 3, v6Destination: 4 } as const;

export const CtaProto = {
  number: 1,
  sourcePort: 2,
  destinationPort: 3,
  icmpId: 4,
  icmpType: 5,
  icmpCode: 6,
  icmpv6Id: 7,
  icmpv6Type: 8,
  icmpv6Code: 9,
} as const;

export const CtaProtoInfo = { tcp: 1, dccp: 2, sctp: 3 } as const;
export const CtaTcp = {
  state: 1,
  windowScaleOriginal: 2,
  windowScaleReply: 3,
  flagsOriginal: 4,
  flagsReply: 5,
} as const;
export const CtaDccp = { state: 1, role: 2, handshakeSequence: 3 } as const;
export const CtaSctp = { state: 1, tagOriginal: 2, tagReply: 3 } as const;

export const CtaNat = { v4Min: 1, v4Max: 2, proto: 3, v6Min: 4, v6Max: 5 } as const;
export const CtaProtoNat = { portMin: 1, portMax: 2 } as const;
export const CtaSeqAdj = { correctionPosition: 1, offsetBefore: 2, offsetAfter: 3 } as const;
export const CtaSynproxy = {
  initialSequence: 1,
  initialTimestamp: 2,
  timestampOffset: 3,
} as const;
export const CtaHelp = { name: 1 } as const;

export const Protocol = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udpLite: 136,
} as const;

/** IPS_* bits of a conntrack entry's status. */
export const ConntrackStatus = {
  expected: 1 << 0,
  seenReply: 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  sourceNat: 1 << 4,
  destinationNat: 1 << 5,
  sequenceAdjust: 1 << 6,
  sourceNatDone: 1 << 7,
  destinationNatDone: 1 << 8,
  dying: 1 << 9,
  fixedTimeout: 1 << 10,
  template: 1 << 11,
  untracked: 1 << 12,
  helper: 1 << 13,
  offload: 1 << 14,
  hardwareOffload: 1 << 15,
} as const;

/** IP_CT_TCP_FLAG_* bits of one direction. */
export const ConntrackTcpFlag = {
  windowScale: 0x01,
  sackPermitted: 0x02,
  closeInit: 0x04,
  beLiberal: 0x08,
} as const;

/** Highest enum tcp_conntrack value that the kernel accepts. */
export const TCP_STATE_MAX = 9;
