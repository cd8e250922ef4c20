/** IP protocol numbers of the names that the configuration knows. */
export const PROTOCOL_NUMBERS = Object.freeze({
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
} as const);

export type ProtocolName = keyof typeof PROTOCOL_NUMBERS;

/** What is replicated at all, before the domain of rule K1. */
export interface CaptureFilter {
  readonly protocols: readonly ProtocolName[];
  /** Flows that touch one of these prefixes in either tuple are left alone; canonical text. */
  readonly ignoreAddresses: readonly string[];
}

export interface CaptureOptions {
  /** From when on a flow is replicated (rule K4). */
  readonly admit: 'replied' | 'assured' | 'all';
  readonly filter: CaptureFilter;
  /** How long a delete that a lost address may have caused is held back (rule K6). */
  readonly destroyHoldMs: number;
  /** What a delete by another program on the active node means (rule K16). */
  readonly foreignDeletes: 'replicate' | 'restore';
}
