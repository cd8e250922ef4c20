import { CtaIp, CtaProto, CtaTuple, Protocol } from './ctnetlink-protocol.ts';
import { l4Shape } from './l4-word.ts';
import { AF_INET, NLA_TYPE_MASK } from './netlink-protocol.ts';

const SEEN_SOURCE = 1 << 0;
const SEEN_DESTINATION = 1 << 1;
const SEEN_NUMBER = 1 << 2;
const SEEN_FIRST = 1 << 3;
const SEEN_SECOND = 1 << 4;
const SEEN_THIRD = 1 << 5;
const SEEN_ADDRESSES = SEEN_SOURCE | SEEN_DESTINATION;

/** Where `decodeTuple` leaves what does not fit into its two address cells; read it before the next call. */
export const decodedTuple = {
  protocol: 0,
  l4: 0,
  /** CTA_TUPLE_ZONE, or -1. */
  zone: -1,
};

/**
 * Reads a nested tuple (CTA_TUPLE_*) that spans `at` to `end`, all of it validated.
 *
 * @param words Where the addresses go: the source to `firstWord`, the destination four words behind it.
 * @returns Whether it was well formed and complete; the address words are undefined if not.
 */
export function decodeTuple(
  view: DataView,
  at: number,
  end: number,
  family: number,
  words: Int32Array,
  firstWord: number,
): boolean {
  if (isPortTuple(view, at, end, family)) {
    decodePortTuple(view, at, family === AF_INET ? 4 : 16, words, firstWord);
    return true;
  }
  return decodeAnyTuple(view, at, end, family, words, firstWord);
}

/** Words that begin the attributes of a tuple with ports as the kernel lays it out: length, then type. */
const IPV4_TUPLE_BYTES = 48;
const IPV6_TUPLE_BYTES = 72;
const PROTO_NEST = 0x8002001c;
const PROTO_NUMBER = 0x00010005;
const SOURCE_PORT = 0x00020006;
const DESTINATION_PORT = 0x00030006;

/**
 * Nearly every tuple is TCP or UDP in the one layout that the kernel writes: eight comparisons then stand for the walk
 * through its attributes. Anything else goes the long way.
 */
function isPortTuple(view: DataView, at: number, end: number, family: number): boolean {
  const ipv4 = family === AF_INET;
  const bytes = ipv4 ? 4 : 16;
  if (end - at !== (ipv4 ? IPV4_TUPLE_BYTES : IPV6_TUPLE_BYTES)) return false;
  const proto = at + 12 + 2 * bytes;
  return (
    view.getUint32(at, true) === (ipv4 ? 0x80010014 : 0x8001002c) &&
    view.getUint32(at + 4, true) === (ipv4 ? 0x00010008 : 0x00030014) &&
    view.getUint32(at + 8 + bytes, true) === (ipv4 ? 0x00020008 : 0x00040014) &&
    view.getUint32(proto, true) === PROTO_NEST &&
    view.getUint32(proto + 4, true) === PROTO_NUMBER &&
    view.getUint32(proto + 12, true) === SOURCE_PORT &&
    view.getUint32(proto + 20, true) === DESTINATION_PORT &&
    hasPorts(view.getUint8(proto + 8))
  );
}

function hasPorts(protocol: number): boolean {
  return protocol === Protocol.tcp || protocol === Protocol.udp;
}

function decodePortTuple(
  view: DataView,
  at: number,
  bytes: number,
  words: Int32Array,
  firstWord: number,
): void {
  copyAddress(view, at + 8, bytes, words, firstWord);
  copyAddress(view, at + 12 + bytes, bytes, words, firstWord + 4);
  const proto = at + 12 + 2 * bytes;
  decodedTuple.zone = -1;
  decodedTuple.protocol = view.getUint8(proto + 8);
  decodedTuple.l4 = ((view.getUint16(proto + 16) << 16) | view.getUint16(proto + 24)) >>> 0;
}

function decodeAnyTuple(
  view: DataView,
  at: number,
  end: number,
  family: number,
  words: Int32Array,
  firstWord: number,
): boolean {
  let seen = 0;
  decodedTuple.zone = -1;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    const stop = next + length;
    if (length < 4 || stop > end) return false;
    switch (view.getUint16(next + 2, true) & NLA_TYPE_MASK) {
      case CtaTuple.ip: {
        if (!decodeAddresses(view, next + 4, stop, family, words, firstWord)) return false;
        seen |= SEEN_ADDRESSES;
        break;
      }
      case CtaTuple.proto: {
        if (!decodeL4(view, next + 4, stop)) return false;
        seen |= SEEN_NUMBER;
        break;
      }
      case CtaTuple.zone: {
        if (length !== 6) return false;
        decodedTuple.zone = view.getUint16(next + 4);
        break;
      }
    }
    next += (length + 3) & ~3;
  }
  return seen === (SEEN_ADDRESSES | SEEN_NUMBER);
}

function decodeAddresses(
  view: DataView,
  at: number,
  end: number,
  family: number,
  words: Int32Array,
  firstWord: number,
): boolean {
  const ipv4 = family === AF_INET;
  const sourceType = ipv4 ? CtaIp.v4Source : CtaIp.v6Source;
  const destinationType = ipv4 ? CtaIp.v4Destination : CtaIp.v6Destination;
  const bytes = ipv4 ? 4 : 16;
  let seen = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length < 4 || next + length > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    if (type === sourceType || type === destinationType) {
      if (length !== bytes + 4) return false;
      copyAddress(view, next + 4, bytes, words, type === sourceType ? firstWord : firstWord + 4);
      seen |= type === sourceType ? SEEN_SOURCE : SEEN_DESTINATION;
    }
    next += (length + 3) & ~3;
  }
  return seen === SEEN_ADDRESSES;
}

function copyAddress(
  view: DataView,
  at: number,
  bytes: number,
  words: Int32Array,
  word: number,
): void {
  const ipv4 = bytes === 4;
  words[word] = view.getInt32(at, true);
  words[word + 1] = ipv4 ? 0 : view.getInt32(at + 4, true);
  words[word + 2] = ipv4 ? 0 : view.getInt32(at + 8, true);
  words[word + 3] = ipv4 ? 0 : view.getInt32(at + 12, true);
}

function decodeL4(view: DataView, at: number, end: number): boolean {
  let seen = 0;
  let protocol = 0;
  let l4 = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length < 4 || next + length > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    const bytes = type === CtaProto.number ? 1 : l4Bytes(type);
    if (bytes > 0 && length !== bytes + 4) return false;
    switch (type) {
      case CtaProto.number: {
        protocol = view.getUint8(next + 4);
        seen |= SEEN_NUMBER;
        break;
      }
      case CtaProto.sourcePort:
      case CtaProto.icmpId:
      case CtaProto.icmpv6Id: {
        l4 |= view.getUint16(next + 4) << 16;
        seen |= SEEN_FIRST;
        break;
      }
      case CtaProto.destinationPort: {
        l4 |= view.getUint16(next + 4);
        seen |= SEEN_SECOND;
        break;
      }
      case CtaProto.icmpType:
      case CtaProto.icmpv6Type: {
        l4 |= view.getUint8(next + 4) << 8;
        seen |= SEEN_SECOND;
        break;
      }
      case CtaProto.icmpCode:
      case CtaProto.icmpv6Code: {
        l4 |= view.getUint8(next + 4);
        seen |= SEEN_THIRD;
        break;
      }
    }
    next += (length + 3) & ~3;
  }
  decodedTuple.protocol = protocol;
  return acceptL4(protocol, l4 >>> 0, seen);
}

function l4Bytes(type: number): number {
  switch (type) {
    case CtaProto.sourcePort:
    case CtaProto.destinationPort:
    case CtaProto.icmpId:
    case CtaProto.icmpv6Id:
      return 2;
    case CtaProto.icmpType:
    case CtaProto.icmpCode:
    case CtaProto.icmpv6Type:
    case CtaProto.icmpv6Code:
      return 1;
    default:
      return 0;
  }
}

/**
 * Kernels differ in which protocols they know ports of (6.16 dropped DCCP): a tuple may lack its L4 part as a whole,
 * but not half of it.
 */
function acceptL4(protocol: number, l4: number, seen: number): boolean {
  decodedTuple.l4 = 0;
  const shape = l4Shape(protocol);
  const parts = seen & (SEEN_FIRST | SEEN_SECOND | SEEN_THIRD);
  if ((seen & SEEN_NUMBER) === 0) return false;
  if (parts === 0 || shape === 'none') return true;
  decodedTuple.l4 = l4;
  if (shape === 'ports') return parts === (SEEN_FIRST | SEEN_SECOND);
  return parts === (SEEN_FIRST | SEEN_SECOND | SEEN_THIRD);
}
