import { type ConntrackExpectation, ExpectationCell } from './conntrack-expectation.ts';
import { decodedTuple, decodeTuple } from './conntrack-tuple-decoder.ts';
import { CtaExpect, CtaExpectNat } from './ctnetlink-protocol.ts';
import { AF_INET, AF_INET6, NLA_TYPE_MASK } from './netlink-protocol.ts';

const HELPER_NAME_MAX = 15;
const NEXT_HELPER_NAME_MAX = 31;

const SEEN_MASTER = 1 << 0;
const SEEN_TUPLE = 1 << 1;
const SEEN_MASK = 1 << 2;
const SEEN_ALL = SEEN_MASTER | SEEN_TUPLE | SEEN_MASK;

/**
 * Reads the attributes of one expectation message into the cell.
 *
 * @param at First byte behind the nfgenmsg header.
 * @param end Byte behind the message; nothing at or beyond it is read.
 * @returns Whether the message was well formed and complete; the cell is undefined if not.
 */
export function decodeExpectation(
  view: DataView,
  at: number,
  end: number,
  family: number,
  into: ConntrackExpectation,
): boolean {
  if (family !== AF_INET && family !== AF_INET6) return false;
  clear(into, family);
  let seen = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    const stop = next + length;
    if (length < 4 || stop > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    if (!decodeAttribute(view, type, next + 4, stop, into)) return false;
    if (type === CtaExpect.master) seen |= SEEN_MASTER;
    else if (type === CtaExpect.tuple) seen |= SEEN_TUPLE;
    else if (type === CtaExpect.mask) seen |= SEEN_MASK;
    next += (length + 3) & ~3;
  }
  return seen === SEEN_ALL;
}

function clear(into: ConntrackExpectation, family: number): void {
  into.master.family = family;
  into.master.zone = 0;
  into.timeoutSeconds = 0;
  into.flags = 0;
  into.policy = 0;
  into.helper = '';
  into.nextHelper = '';
  into.natDirection = -1;
  into.natProtocol = 0;
  into.natL4 = 0;
  into.addressWords.fill(0, ExpectationCell.nat);
}

function decodeAttribute(
  view: DataView,
  type: number,
  at: number,
  end: number,
  into: ConntrackExpectation,
): boolean {
  switch (type) {
    case CtaExpect.master:
      return decodeMaster(view, at, end, into);
    case CtaExpect.tuple:
      return decodeExpected(view, at, end, into);
    case CtaExpect.mask:
      if (!decodeAt(view, at, end, into, ExpectationCell.mask)) return false;
      into.maskL4 = decodedTuple.l4;
      return true;
    case CtaExpect.nat:
      return decodeNat(view, at, end, into);
    case CtaExpect.timeout:
    case CtaExpect.flags:
    case CtaExpect.policy:
      return decodeWord(view, type, at, end, into);
    case CtaExpect.zone:
      if (end - at !== 2) return false;
      into.master.zone = view.getUint16(at);
      return true;
    case CtaExpect.helper:
      return readText(view, at, end, HELPER_NAME_MAX, (text) => {
        into.helper = text;
      });
    case CtaExpect.nextHelper:
      return readText(view, at, end, NEXT_HELPER_NAME_MAX, (text) => {
        into.nextHelper = text;
      });
    default:
      return true;
  }
}

function decodeAt(
  view: DataView,
  at: number,
  end: number,
  into: ConntrackExpectation,
  firstWord: number,
): boolean {
  return decodeTuple(view, at, end, into.master.family, into.addressWords, firstWord);
}

function decodeMaster(
  view: DataView,
  at: number,
  end: number,
  into: ConntrackExpectation,
): boolean {
  if (!decodeAt(view, at, end, into, ExpectationCell.master)) return false;
  into.master.protocol = decodedTuple.protocol;
  into.master.originalL4 = decodedTuple.l4;
  return true;
}

function decodeExpected(
  view: DataView,
  at: number,
  end: number,
  into: ConntrackExpectation,
): boolean {
  if (!decodeAt(view, at, end, into, ExpectationCell.tuple)) return false;
  into.protocol = decodedTuple.protocol;
  into.l4 = decodedTuple.l4;
  return true;
}

function decodeNat(view: DataView, at: number, end: number, into: ConntrackExpectation): boolean {
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    const stop = next + length;
    if (length < 4 || stop > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    if (type === CtaExpectNat.direction) {
      if (length !== 8) return false;
      const direction = view.getUint32(next + 4);
      if (direction > 1) return false;
      into.natDirection = direction;
    } else if (type === CtaExpectNat.tuple) {
      if (!decodeAt(view, next + 4, stop, into, ExpectationCell.nat)) return false;
      into.natProtocol = decodedTuple.protocol;
      into.natL4 = decodedTuple.l4;
    }
    next += (length + 3) & ~3;
  }
  return true;
}

function decodeWord(
  view: DataView,
  type: number,
  at: number,
  end: number,
  into: ConntrackExpectation,
): boolean {
  if (end - at !== 4) return false;
  const value = view.getUint32(at);
  if (type === CtaExpect.timeout) into.timeoutSeconds = value;
  // There are three flags, and a helper has a handful of policies.
  else if (value > 255) return false;
  else if (type === CtaExpect.flags) into.flags = value;
  else into.policy = value;
  return true;
}

/** A text in printable ASCII that a zero byte or the attribute ends. */
function readText(
  view: DataView,
  at: number,
  end: number,
  charactersMax: number,
  take: (text: string) => void,
): boolean {
  let text = '';
  for (let index = at; index < end; index += 1) {
    const character = view.getUint8(index);
    if (character === 0) break;
    if (character < 0x20 || character > 0x7e || text.length === charactersMax) return false;
    text += String.fromCharCode(character);
  }
  take(text);
  return true;
}
