import type { FlowView } from '@raftwall/admin-api/client';

/** Protocols that libnetfilter_conntrack has names for, with their IP protocol numbers. */
const NUMBERS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

/** Name and number of a flow's protocol; protocols without a name are `unknown`, as in conntrack(8). */
export function protocolOf({ protocol }: FlowView): { name: string; number: number } {
  const number = NUMBERS[protocol];
  if (number !== undefined) return { name: protocol, number };
  return { name: 'unknown', number: Number(protocol) };
}
