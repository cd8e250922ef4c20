import { FlowAttribute, type FlowFields } from '@raftwall/flow-table';

/** 10.x.y.z clients to few servers: 85 % TCP, 14 % UDP, 1 % ICMP, 20 % IPv6, 40 % translated; the same for the same number. */
export function fillSample(number: number, into: FlowFields): void {
  const share = (number * 2654435761) >>> 0;
  const dice = share % 100;
  const tcp = dice < 85;
  const ipv6 = (share >>> 8) % 5 === 0;
  into.family = ipv6 ? 10 : 2;
  into.protocol = tcp ? 6 : dice < 99 ? 17 : 1;
  into.zone = 0;
  into.originalSource.fill(0);
  into.originalDestination.fill(0);
  into.originalSource.set([10, number >>> 24, number >>> 16, number >>> 8], ipv6 ? 12 : 0);
  into.originalDestination.set([192, 0, 2, share >>> 24], ipv6 ? 12 : 0);
  if (ipv6) into.originalSource.set([0x20, 1, 0xd, 0xb8]);
  if (ipv6) into.originalDestination.set([0x20, 1, 0xd, 0xb8]);
  into.originalL4 = (((32768 + (number & 0x7fff)) << 16) | 443) >>> 0;
  into.replySource.set(into.originalDestination);
  into.replyDestination.set(into.originalSource);
  into.replyL4 = ((443 << 16) | (32768 + (number & 0x7fff))) >>> 0;
  if ((share >>> 4) % 10 < 4 && !ipv6) into.replyDestination.set([203, 0, 113, 1]);
  into.status = 0x18e;
  into.timeoutSeconds = tcp ? 432000 : 120;
  into.mark = 0;
  into.tcpState = 3;
  into.tcpWindowScaleOriginal = 7;
  into.tcpWindowScaleReply = 7;
  into.tcpFlagsOriginal = 0x23;
  into.tcpFlagsReply = 0x23;
  into.attributes = FlowAttribute.reply | FlowAttribute.status | FlowAttribute.timeout;
  if (tcp) into.attributes |= FlowAttribute.tcp;
}
