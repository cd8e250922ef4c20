import type { DatagramSource } from './datagram-source.ts';
import { formatAddress } from './ip-address.ts';
import type { MessageWriter } from './message-writer.ts';
import {
  AF_INET,
  AF_INET6,
  MESSAGE_HEADER_BYTES,
  NLA_TYPE_MASK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './netlink-protocol.ts';

/** Numbers of rtnetlink (linux/rtnetlink.h, if_link.h, if_addr.h, if.h). */
export const RTM_GETLINK = 18;
export const RTM_GETADDR = 22;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
export const RouteGroup = { link: 1, ipv4Address: 5, ipv6Address: 9 } as const;

const IFLA_IFNAME = 3;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
const LINK_HEADER_BYTES = 16;
const ADDRESS_HEADER_BYTES = 8;
const SCOPES = new Map<number, AddressScope>([
  [0, 'global'],
  [200, 'site'],
  [253, 'link'],
  [254, 'host'],
]);

export type AddressScope = 'global' | 'site' | 'link' | 'host' | 'other';

/** One message about an interface or an address. */
export type RouteMessage =
  | {
      readonly kind: 'link';
      readonly removed: boolean;
      readonly index: number;
      readonly name: string;
      /** Administratively up and with a carrier. */
      readonly up: boolean;
    }
  | {
      readonly kind: 'address';
      readonly removed: boolean;
      readonly family: 'ipv4' | 'ipv6';
      readonly address: string;
      readonly prefixLength: number;
      readonly interfaceIndex: number;
      readonly scope: AddressScope;
    }
  /** End of a dump; errno 0 for success. */
  | { readonly kind: 'end'; readonly sequence: number; readonly errno: number };

/** Writes the request for a list of all interfaces or all addresses. */
export function writeRouteDump(writer: MessageWriter, type: number, sequence: number): void {
  writer.begin(type, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  for (let index = 0; index < LINK_HEADER_BYTES; index++) writer.u8(0);
  writer.end();
}

/** What one walk over datagrams met besides messages. */
export interface RouteWalk {
  malformed: number;
  interrupted: boolean;
}

/** Messages of received datagrams; what does not parse is counted and skipped. */
export function* routeMessages(source: DatagramSource, walk: RouteWalk): Generator<RouteMessage> {
  while (source.nextDatagram()) {
    const { view, end } = source;
    for (let at = source.offset; end - at >= MESSAGE_HEADER_BYTES; ) {
      const length = view.getUint32(at, true);
      if (length < MESSAGE_HEADER_BYTES || length > end - at) {
        walk.malformed++;
        break;
      }
      if ((view.getUint16(at + 6, true) & NLM_F_DUMP_INTR) !== 0) walk.interrupted = true;
      const message = decode(view, at, at + length, walk);
      if (message !== null) yield message;
      at += (length + 3) & ~3;
    }
  }
}

function decode(view: DataView, at: number, end: number, walk: RouteWalk): RouteMessage | null {
  const type = view.getUint16(at + 4, true);
  const body = at + MESSAGE_HEADER_BYTES;
  switch (type) {
    case NLMSG_DONE:
    case NLMSG_ERROR: {
      const errno = end - body >= 4 ? -view.getInt32(body, true) : 0;
      return { kind: 'end', sequence: view.getUint32(at + 8, true), errno: Math.max(errno, 0) };
    }
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // A bridge tells of its ports in the same messages, under its own family.
      if (end > body && view.getUint8(body) !== 0) return null;
      return counted(walk, decodeLink(view, body, end, type === RTM_DELLINK));
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return counted(walk, decodeAddress(view, body, end, type === RTM_DELADDR));
    default:
      return null;
  }
}

function counted(walk: RouteWalk, message: RouteMessage | null): RouteMessage | null {
  if (message === null) walk.malformed++;
  return message;
}

function decodeLink(
  view: DataView,
  at: number,
  end: number,
  removed: boolean,
): RouteMessage | null {
  if (end - at < LINK_HEADER_BYTES) return null;
  const name = attribute(view, at + LINK_HEADER_BYTES, end, IFLA_IFNAME);
  if (name === null) return null;
  const flags = view.getUint32(at + 8, true);
  return {
    kind: 'link',
    removed,
    index: view.getInt32(at + 4, true),
    name: text(name),
    up: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
  };
}

function decodeAddress(
  view: DataView,
  at: number,
  end: number,
  removed: boolean,
): RouteMessage | null {
  if (end - at < ADDRESS_HEADER_BYTES) return null;
  const family = view.getUint8(at);
  if (family !== AF_INET && family !== AF_INET6) return null;
  const attributes = at + ADDRESS_HEADER_BYTES;
  // On a point-to-point link IFA_ADDRESS is the other end's.
  const bytes =
    attribute(view, attributes, end, IFA_LOCAL) ?? attribute(view, attributes, end, IFA_ADDRESS);
  if (bytes === null || bytes.length !== (family === AF_INET ? 4 : 16)) return null;
  return {
    kind: 'address',
    removed,
    family: family === AF_INET ? 'ipv4' : 'ipv6',
    address: formatAddress(family, bytes),
    prefixLength: view.getUint8(at + 1),
    interfaceIndex: view.getUint32(at + 4, true),
    scope: SCOPES.get(view.getUint8(at + 3)) ?? 'other',
  };
}

function attribute(view: DataView, at: number, end: number, wanted: number): Uint8Array | null {
  for (let next = at; end - next >= 4; ) {
    const length = view.getUint16(next, true);
    if (length < 4 || length > end - next) return null;
    if ((view.getUint16(next + 2, true) & NLA_TYPE_MASK) === wanted) {
      return new Uint8Array(view.buffer, view.byteOffset + next + 4, length - 4);
    }
    next += (length + 3) & ~3;
  }
  return null;
}

function text(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, zero < 0 ? bytes.length : zero));
}
