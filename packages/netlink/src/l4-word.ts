import { Protocol } from './ctnetlink-protocol.ts';

/** Which attributes make up the L4 word of a protocol's tuple. */
export type L4Shape = 'ports' | 'icmp' | 'icmpv6' | 'none';

const shapes: L4Shape[] = new Array<L4Shape>(256).fill('none');
for (const protocol of [
  Protocol.tcp,
  Protocol.udp,
  Protocol.udpLite,
  Protocol.sctp,
  Protocol.dccp,
  Protocol.gre,
]) {
  shapes[protocol] = 'ports';
}
shapes[Protocol.icmp] = 'icmp';
shapes[Protocol.icmpv6] = 'icmpv6';

/** GRE keys travel as ports. */
export function l4Shape(protocol: number): L4Shape {
  return shapes[protocol] ?? 'none';
}

/** Answers of ICMP queries (nf_conntrack_proto_icmp.c, invmap) and of ICMPv6 ones. */
const icmpInverse = inverseTypes([
  [8, 0],
  [13, 14],
  [15, 16],
  [17, 18],
]);
const icmpv6Inverse = inverseTypes([
  [128, 129],
  [139, 140],
]);

/** L4 word of the plain answer to a packet with this L4 word: what a reply tuple is without NAT. */
export function inverseL4(protocol: number, l4: number): number {
  const shape = l4Shape(protocol);
  if (shape === 'ports') return ((l4 << 16) | (l4 >>> 16)) >>> 0;
  if (shape === 'none') return 0;
  const types = shape === 'icmp' ? icmpInverse : icmpv6Inverse;
  const type = types[(l4 >>> 8) & 0xff] ?? 0;
  return ((l4 & 0xffff00ff) | (type << 8)) >>> 0;
}

function inverseTypes(pairs: readonly (readonly [number, number])[]): Uint8Array {
  const inverse = Uint8Array.from({ length: 256 }, (_, type) => type);
  for (const [query, answer] of pairs) {
    inverse[query] = answer;
    inverse[answer] = query;
  }
  return inverse;
}
