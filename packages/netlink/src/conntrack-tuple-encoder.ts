import { CtaIp, CtaProto, CtaTuple } from './ctnetlink-protocol.ts';
import { l4Shape } from './l4-word.ts';
import type { MessageWriter } from './message-writer.ts';
import { AF_INET } from './netlink-protocol.ts';

/** CTA_TUPLE_IP inside a tuple that is open. */
export function writeAddresses(
  writer: MessageWriter,
  family: number,
  source: Uint8Array,
  destination: Uint8Array,
): void {
  const ipv4 = family === AF_INET;
  const bytes = ipv4 ? 4 : 16;
  const at = writer.openNest(CtaTuple.ip);
  writer.attributeBytes(ipv4 ? CtaIp.v4Source : CtaIp.v6Source, source, bytes);
  writer.attributeBytes(ipv4 ? CtaIp.v4Destination : CtaIp.v6Destination, destination, bytes);
  writer.closeNest(at);
}

/** CTA_TUPLE_PROTO inside a tuple that is open. */
export function writeL4(writer: MessageWriter, protocol: number, l4: number): void {
  const at = writer.openNest(CtaTuple.proto);
  writer.attributeU8(CtaProto.number, protocol);
  const shape = l4Shape(protocol);
  if (shape === 'ports') {
    writer.attributeU16(CtaProto.sourcePort, l4 >>> 16);
    writer.attributeU16(CtaProto.destinationPort, l4 & 0xffff);
  } else if (shape !== 'none') {
    const ipv4 = shape === 'icmp';
    writer.attributeU16(ipv4 ? CtaProto.icmpId : CtaProto.icmpv6Id, l4 >>> 16);
    writer.attributeU8(ipv4 ? CtaProto.icmpType : CtaProto.icmpv6Type, (l4 >>> 8) & 0xff);
    writer.attributeU8(ipv4 ? CtaProto.icmpCode : CtaProto.icmpv6Code, l4 & 0xff);
  }
  writer.closeNest(at);
}
