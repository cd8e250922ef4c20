import { ConntrackAttribute } from './conntrack-attribute.ts';
import { AddressCell, type ConntrackEntry, type SequenceAdjustment } from './conntrack-entry.ts';
import { decodedTuple, decodeTuple } from './conntrack-tuple-decoder.ts';
import {
  Cta,
  CtaDccp,
  CtaHelp,
  CtaProtoInfo,
  CtaSctp,
  CtaSeqAdj,
  CtaSynproxy,
  CtaTcp,
} from './ctnetlink-protocol.ts';
import { AF_INET, AF_INET6, NLA_TYPE_MASK } from './netlink-protocol.ts';

const HELPER_NAME_MAX = 15;
const LABEL_BYTES = 16;

/**
 * Reads the attributes of one conntrack message into an entry. Fields whose attribute the message lacks keep old values;
 * `entry.attributes` says which count.
 *
 * @param at First byte behind the nfgenmsg header.
 * @param end Byte behind the message; nothing at or beyond it is read.
 * @returns Whether the message was well formed and had an original tuple; the entry is undefined if not.
 */
export function decodeConntrackEntry(
  view: DataView,
  at: number,
  end: number,
  family: number,
  entry: ConntrackEntry,
): boolean {
  if (family !== AF_INET && family !== AF_INET6) return false;
  entry.family = family;
  entry.attributes = 0;
  entry.zone = 0;
  entry.replyZone = 0;
  entry.zoneDirection = 0;
  entry.id = 0;
  let original = false;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    const stop = next + length;
    if (length < 4 || stop > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    const valid =
      type < SCALARS.length && SCALARS[type] === 1
        ? length === 8 && decodeScalar(view, type, next + 4, entry)
        : decodeNested(view, type, next + 4, stop, entry);
    if (!valid) return false;
    if (type === Cta.tupleOriginal) original = true;
    next += (length + 3) & ~3;
  }
  return original;
}

/** Attributes that are one word. */
const SCALARS = new Uint8Array(16);
for (const type of [Cta.status, Cta.timeout, Cta.mark, Cta.id]) SCALARS[type] = 1;

function decodeScalar(view: DataView, type: number, at: number, entry: ConntrackEntry): boolean {
  const value = view.getUint32(at);
  if (type === Cta.id) {
    entry.id = value;
  } else if (type === Cta.status) {
    entry.status = value;
    entry.attributes |= ConntrackAttribute.status;
  } else if (type === Cta.timeout) {
    entry.timeoutSeconds = value;
    entry.attributes |= ConntrackAttribute.timeout;
  } else {
    entry.mark = value;
    entry.attributes |= ConntrackAttribute.mark;
  }
  return true;
}

function decodeNested(
  view: DataView,
  type: number,
  at: number,
  end: number,
  entry: ConntrackEntry,
): boolean {
  switch (type) {
    case Cta.tupleOriginal:
      return decodeOriginal(view, at, end, entry);
    case Cta.tupleReply:
      return decodeReply(view, at, end, entry);
    case Cta.tupleMaster:
      return decodeMaster(view, at, end, entry);
    case Cta.protoInfo:
      return decodeProtoInfo(view, at, end, entry);
    case Cta.help:
      return decodeHelper(view, at, end, entry);
    case Cta.labels:
      return decodeLabels(view, at, end, entry);
    case Cta.synproxy:
      return decodeSynproxy(view, at, end, entry);
    case Cta.seqAdjOriginal:
      entry.attributes |= ConntrackAttribute.sequenceAdjustOriginal;
      return decodeSequenceAdjustment(view, at, end, entry.sequenceAdjustOriginal);
    case Cta.seqAdjReply:
      entry.attributes |= ConntrackAttribute.sequenceAdjustReply;
      return decodeSequenceAdjustment(view, at, end, entry.sequenceAdjustReply);
    case Cta.zone:
      if (end - at !== 2) return false;
      entry.zone = view.getUint16(at);
      return true;
    default:
      return true;
  }
}

function decodeOriginal(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  const { family, addressWords } = entry;
  if (!decodeTuple(view, at, end, family, addressWords, AddressCell.originalSource)) return false;
  entry.protocol = decodedTuple.protocol;
  entry.originalL4 = decodedTuple.l4;
  if (decodedTuple.zone >= 0) {
    entry.zone = decodedTuple.zone;
    entry.zoneDirection = 1;
    entry.attributes |= ConntrackAttribute.zoneDirection;
  }
  return true;
}

function decodeReply(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  const { family, addressWords } = entry;
  if (!decodeTuple(view, at, end, family, addressWords, AddressCell.replySource)) return false;
  entry.replyL4 = decodedTuple.l4;
  entry.attributes |= ConntrackAttribute.reply;
  if (decodedTuple.zone >= 0) {
    entry.replyZone = decodedTuple.zone;
    entry.zoneDirection = 2;
    entry.attributes |= ConntrackAttribute.zoneDirection;
  }
  return true;
}

function decodeMaster(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  const { family, addressWords } = entry;
  if (!decodeTuple(view, at, end, family, addressWords, AddressCell.masterSource)) return false;
  entry.masterProtocol = decodedTuple.protocol;
  entry.masterL4 = decodedTuple.l4;
  entry.attributes |= ConntrackAttribute.master;
  return true;
}

function decodeProtoInfo(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    const stop = next + length;
    if (length < 4 || stop > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    let valid = true;
    if (type === CtaProtoInfo.tcp) valid = decodeTcp(view, next + 4, stop, entry);
    else if (type === CtaProtoInfo.sctp) valid = decodeSctp(view, next + 4, stop, entry);
    else if (type === CtaProtoInfo.dccp) valid = decodeDccp(view, next + 4, stop, entry);
    if (!valid) return false;
    next += (length + 3) & ~3;
  }
  return true;
}

function decodeTcp(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  entry.attributes |= ConntrackAttribute.tcp;
  entry.tcpState = 0;
  entry.tcpWindowScaleOriginal = 0;
  entry.tcpWindowScaleReply = 0;
  entry.tcpFlagsOriginal = 0;
  entry.tcpFlagsReply = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length < 5 || next + length > end) return false;
    // Flags come with their mask in a second byte, which has no meaning here.
    const value = view.getUint8(next + 4);
    switch (view.getUint16(next + 2, true) & NLA_TYPE_MASK) {
      case CtaTcp.state:
        entry.tcpState = value;
        break;
      case CtaTcp.windowScaleOriginal:
        entry.tcpWindowScaleOriginal = value;
        break;
      case CtaTcp.windowScaleReply:
        entry.tcpWindowScaleReply = value;
        break;
      case CtaTcp.flagsOriginal:
        entry.tcpFlagsOriginal = value;
        break;
      case CtaTcp.flagsReply:
        entry.tcpFlagsReply = value;
        break;
    }
    next += (length + 3) & ~3;
  }
  return true;
}

function decodeSctp(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  entry.attributes |= ConntrackAttribute.sctp;
  entry.sctpState = 0;
  entry.sctpVerificationTagOriginal = 0;
  entry.sctpVerificationTagReply = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length < 4 || next + length > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    if (type === CtaSctp.state) {
      if (length !== 5) return false;
      entry.sctpState = view.getUint8(next + 4);
    } else if (type === CtaSctp.tagOriginal || type === CtaSctp.tagReply) {
      if (length !== 8) return false;
      const tag = view.getUint32(next + 4);
      if (type === CtaSctp.tagOriginal) entry.sctpVerificationTagOriginal = tag;
      else entry.sctpVerificationTagReply = tag;
    }
    next += (length + 3) & ~3;
  }
  return true;
}

function decodeDccp(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  entry.attributes |= ConntrackAttribute.dccp;
  entry.dccpState = 0;
  entry.dccpRole = 0;
  entry.dccpSequenceHigh = 0;
  entry.dccpSequenceLow = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length < 4 || next + length > end) return false;
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    if (type === CtaDccp.state || type === CtaDccp.role) {
      if (length !== 5) return false;
      if (type === CtaDccp.state) entry.dccpState = view.getUint8(next + 4);
      else entry.dccpRole = view.getUint8(next + 4);
    } else if (type === CtaDccp.handshakeSequence) {
      if (length !== 12) return false;
      entry.dccpSequenceHigh = view.getUint32(next + 4);
      entry.dccpSequenceLow = view.getUint32(next + 8);
    }
    next += (length + 3) & ~3;
  }
  return true;
}

function decodeHelper(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length < 4 || next + length > end) return false;
    if ((view.getUint16(next + 2, true) & NLA_TYPE_MASK) === CtaHelp.name) {
      if (length > 4 + HELPER_NAME_MAX + 1) return false;
      let name = '';
      for (let index = next + 4; index < next + length; index++) {
        const character = view.getUint8(index);
        if (character === 0) break;
        if (character < 0x20 || character > 0x7e) return false;
        name += String.fromCharCode(character);
      }
      entry.helper = name;
      // No helper has no name; nothing behind this package could carry one.
      if (name !== '') entry.attributes |= ConntrackAttribute.helper;
    }
    next += (length + 3) & ~3;
  }
  return true;
}

function decodeLabels(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  const bytes = end - at;
  if (bytes === 0 || bytes > LABEL_BYTES || (bytes & 3) !== 0) return false;
  entry.attributes |= ConntrackAttribute.labels;
  for (let index = 0; index < LABEL_BYTES; index++) {
    entry.labels[index] = index < bytes ? view.getUint8(at + index) : 0;
  }
  return true;
}

function decodeSequenceAdjustment(
  view: DataView,
  at: number,
  end: number,
  cell: SequenceAdjustment,
): boolean {
  cell.correctionPosition = 0;
  cell.offsetBefore = 0;
  cell.offsetAfter = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length !== 8 || next + length > end) return false;
    const value = view.getUint32(next + 4);
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    if (type === CtaSeqAdj.correctionPosition) cell.correctionPosition = value;
    else if (type === CtaSeqAdj.offsetBefore) cell.offsetBefore = value;
    else if (type === CtaSeqAdj.offsetAfter) cell.offsetAfter = value;
    next += length;
  }
  return true;
}

function decodeSynproxy(view: DataView, at: number, end: number, entry: ConntrackEntry): boolean {
  entry.synproxyInitialSequence = 0;
  entry.synproxyInitialTimestamp = 0;
  entry.synproxyTimestampOffset = 0;
  let present = 0;
  for (let next = at; next + 4 <= end; ) {
    const length = view.getUint16(next, true);
    if (length !== 8 || next + length > end) return false;
    const value = view.getUint32(next + 4);
    const type = view.getUint16(next + 2, true) & NLA_TYPE_MASK;
    present |= value;
    if (type === CtaSynproxy.initialSequence) entry.synproxyInitialSequence = value;
    else if (type === CtaSynproxy.initialTimestamp) entry.synproxyInitialTimestamp = value;
    else if (type === CtaSynproxy.timestampOffset) entry.synproxyTimestampOffset = value;
    next += length;
  }
  if (present !== 0) entry.attributes |= ConntrackAttribute.synproxy;
  return true;
}
