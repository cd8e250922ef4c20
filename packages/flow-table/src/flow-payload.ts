import { copyBytes, readUint16, readUint32, writeUint16, writeUint32 } from './byte-order.ts';
import { FlowCodecError, FlowValueError } from './errors.ts';
import { FlowAttribute, type FlowFields, type SequenceAdjust } from './flow-fields.ts';
import { addressLength, readAddress } from './flow-key.ts';

/**
 * The attributes of a flow in packed form, after its key in an operation and as the value in the checkpoint: two bytes of
 * attribute set, then each attribute of the set in the order of its bit (docs/packed-codec.md has every byte).
 */
export const FLOW_PAYLOAD_BYTES_MAX = 183;
const FLOW_ATTRIBUTES_ALL = 0x3fff;
const HELPER_LENGTH_MAX = 15;

/** Which parts of the reply tuple are written out; the others are those of the plain inverse of the original tuple. */
const ReplyPart = { source: 1, destination: 2, l4: 4 } as const;

const PROTOCOL_ICMP = 1;
const PROTOCOL_ICMPV6 = 58;
const VARIABLE = FlowAttribute.reply | FlowAttribute.helper | FlowAttribute.master;
const BEFORE_HELPER = FlowAttribute.helper - 1;

/** Bytes of each attribute whose length is fixed, by bit number. */
const FIXED_LENGTH = [0, 4, 4, 4, 5, 9, 10, 16, 0, 0, 12, 12, 12, 3];
const LENGTH_BY_SET = Uint8Array.from({ length: FLOW_ATTRIBUTES_ALL + 1 }, (_, set) =>
  FIXED_LENGTH.reduce((sum, length, bit) => sum + (set & (1 << bit) ? length : 0), 0),
);

/** ICMP types that answer each other (nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c: invmap). */
const INVERSE_ICMP: Readonly<Record<number, number>> = {
  8: 0,
  0: 8,
  13: 14,
  14: 13,
  15: 16,
  16: 15,
  17: 18,
  18: 17,
};
const INVERSE_ICMPV6: Readonly<Record<number, number>> = {
  128: 129,
  129: 128,
  139: 140,
  140: 139,
};

/** The L4 word of a reply that was not translated: ports or keys swapped, ICMP type answered. Unsigned. */
export function invertL4(protocol: number, l4: number): number {
  if (protocol !== PROTOCOL_ICMP && protocol !== PROTOCOL_ICMPV6) {
    return ((l4 << 16) | (l4 >>> 16)) >>> 0;
  }
  const type = (l4 >>> 8) & 0xff;
  const inverse = (protocol === PROTOCOL_ICMP ? INVERSE_ICMP : INVERSE_ICMPV6)[type] ?? type;
  return ((l4 & 0xffff00ff) | (inverse << 8)) >>> 0;
}

/**
 * Packs the attribute set and its attributes at `offset`; the buffer has room for 183 bytes and the key fields are set.
 *
 * @returns the offset behind the last byte.
 * @throws {FlowValueError} If an attribute is unknown, the helper's name too long or not ASCII, or the zone direction unknown.
 */
export function writePayload(fields: FlowFields, buffer: Uint8Array, offset: number): number {
  const set = fields.attributes;
  if (set & ~FLOW_ATTRIBUTES_ALL) throw new FlowValueError('attributes', set, 'bits 0 to 13');
  let end = writeUint16(buffer, offset, set);
  if (set & FlowAttribute.reply) end = writeReply(fields, buffer, end);
  if (set & FlowAttribute.status) end = writeUint32(buffer, end, fields.status);
  if (set & FlowAttribute.timeout) end = writeUint32(buffer, end, fields.timeoutSeconds);
  if (set & FlowAttribute.mark) end = writeUint32(buffer, end, fields.mark);
  if (set & FlowAttribute.tcp) {
    buffer[end] = fields.tcpState;
    buffer[end + 1] = fields.tcpWindowScaleOriginal;
    buffer[end + 2] = fields.tcpWindowScaleReply;
    buffer[end + 3] = fields.tcpFlagsOriginal;
    buffer[end + 4] = fields.tcpFlagsReply;
    end += 5;
  }
  return set > FlowAttribute.tcp ? writeRare(fields, buffer, end) : end;
}

function writeRare(fields: FlowFields, buffer: Uint8Array, offset: number): number {
  const set = fields.attributes;
  let end = offset;
  if (set & FlowAttribute.sctp) {
    buffer[end] = fields.sctpState;
    end = writeUint32(buffer, end + 1, fields.sctpVerificationTagOriginal);
    end = writeUint32(buffer, end, fields.sctpVerificationTagReply);
  }
  if (set & FlowAttribute.dccp) {
    buffer[end] = fields.dccpState;
    buffer[end + 1] = fields.dccpRole;
    end = writeUint32(buffer, end + 2, fields.dccpSequenceHigh);
    end = writeUint32(buffer, end, fields.dccpSequenceLow);
  }
  if (set & FlowAttribute.labels) end = copyBytes(fields.labels, 0, buffer, end, 16);
  if (set & FlowAttribute.helper) end = writeHelper(fields.helper, buffer, end);
  if (set & FlowAttribute.master) end = writeMaster(fields, buffer, end);
  if (set & FlowAttribute.sequenceAdjustOriginal) {
    end = writeSequenceAdjust(fields.sequenceAdjustOriginal, buffer, end);
  }
  if (set & FlowAttribute.sequenceAdjustReply) {
    end = writeSequenceAdjust(fields.sequenceAdjustReply, buffer, end);
  }
  if (set & FlowAttribute.synproxy) {
    end = writeUint32(buffer, end, fields.synproxyInitialSequence);
    end = writeUint32(buffer, end, fields.synproxyInitialTimestamp);
    end = writeUint32(buffer, end, fields.synproxyTimestampOffset);
  }
  if (set & FlowAttribute.zoneDirection) end = writeZoneDirection(fields, buffer, end);
  return end;
}

/**
 * Reads an attribute set and its attributes into the fields; the key fields are set already. Bytes are those that
 * {@link checkPayload} accepted.
 */
export function readPayload(buffer: Uint8Array, offset: number, fields: FlowFields): number {
  const set = readUint16(buffer, offset);
  let end = offset + 2;
  fields.attributes = set;
  if (set & FlowAttribute.reply) end = readReply(buffer, end, fields);
  if (set & FlowAttribute.status) {
    fields.status = readUint32(buffer, end);
    end += 4;
  }
  if (set & FlowAttribute.timeout) {
    fields.timeoutSeconds = readUint32(buffer, end);
    end += 4;
  }
  if (set & FlowAttribute.mark) {
    fields.mark = readUint32(buffer, end);
    end += 4;
  }
  if (set & FlowAttribute.tcp) {
    fields.tcpState = buffer[end]!;
    fields.tcpWindowScaleOriginal = buffer[end + 1]!;
    fields.tcpWindowScaleReply = buffer[end + 2]!;
    fields.tcpFlagsOriginal = buffer[end + 3]!;
    fields.tcpFlagsReply = buffer[end + 4]!;
    end += 5;
  }
  return set > FlowAttribute.tcp ? readRare(buffer, end, fields) : end;
}

function readRare(buffer: Uint8Array, offset: number, fields: FlowFields): number {
  const set = fields.attributes;
  let end = offset;
  if (set & FlowAttribute.sctp) {
    fields.sctpState = buffer[end]!;
    fields.sctpVerificationTagOriginal = readUint32(buffer, end + 1);
    fields.sctpVerificationTagReply = readUint32(buffer, end + 5);
    end += 9;
  }
  if (set & FlowAttribute.dccp) {
    fields.dccpState = buffer[end]!;
    fields.dccpRole = buffer[end + 1]!;
    fields.dccpSequenceHigh = readUint32(buffer, end + 2);
    fields.dccpSequenceLow = readUint32(buffer, end + 6);
    end += 10;
  }
  if (set & FlowAttribute.labels) end = readAddress(buffer, end, fields.labels, 16);
  if (set & FlowAttribute.helper) end = readHelper(buffer, end, fields);
  if (set & FlowAttribute.master) end = readMaster(buffer, end, fields);
  if (set & FlowAttribute.sequenceAdjustOriginal) {
    end = readSequenceAdjust(buffer, end, fields.sequenceAdjustOriginal);
  }
  if (set & FlowAttribute.sequenceAdjustReply) {
    end = readSequenceAdjust(buffer, end, fields.sequenceAdjustReply);
  }
  if (set & FlowAttribute.synproxy) {
    fields.synproxyInitialSequence = readUint32(buffer, end);
    fields.synproxyInitialTimestamp = readUint32(buffer, end + 4);
    fields.synproxyTimestampOffset = readUint32(buffer, end + 8);
    end += 12;
  }
  if (set & FlowAttribute.zoneDirection) {
    fields.zoneDirection = buffer[end]!;
    fields.replyZone = readUint16(buffer, end + 1);
    end += 3;
  }
  return end;
}

/**
 * Checks the packed attributes at `offset` without reading them into anything.
 *
 * @param end where they must end.
 * @param family of the flow, 2 or 10.
 * @throws {FlowCodecError} If they are malformed or do not end at `end`.
 */
export function checkPayload(
  buffer: Uint8Array,
  offset: number,
  end: number,
  family: number,
): void {
  if (offset + 2 > end) throw new FlowCodecError(offset, 'attribute set is cut short');
  const set = readUint16(buffer, offset);
  if (set & ~FLOW_ATTRIBUTES_ALL) {
    throw new FlowCodecError(offset, `attribute set 0x${set.toString(16)} has unknown bits`);
  }
  const address = addressLength(family);
  let position = offset + 2 + LENGTH_BY_SET[set & ~VARIABLE & BEFORE_HELPER]!;
  if (set & FlowAttribute.reply) position += replyLength(buffer, offset + 2, end, address);
  if (set & FlowAttribute.helper) position = checkHelper(buffer, position, end);
  if (set & FlowAttribute.master) position += 2 * address + 5;
  position += LENGTH_BY_SET[set & ~VARIABLE & ~BEFORE_HELPER]!;
  if (position !== end) {
    throw new FlowCodecError(
      offset,
      `attributes take ${position - offset} bytes, not ${end - offset}`,
    );
  }
  if (set & FlowAttribute.zoneDirection && buffer[end - 3]! > 2) {
    throw new FlowCodecError(end - 3, `zone direction ${buffer[end - 3]} is not 0, 1 or 2`);
  }
}

function replyLength(buffer: Uint8Array, offset: number, end: number, address: number): number {
  if (offset >= end) throw new FlowCodecError(offset, 'reply tuple is cut short');
  const parts = buffer[offset]!;
  if (parts > 7)
    throw new FlowCodecError(offset, `reply parts 0x${parts.toString(16)} are unknown`);
  const addresses = (parts & ReplyPart.source) + ((parts & ReplyPart.destination) >> 1);
  return 1 + addresses * address + (parts & ReplyPart.l4);
}

function checkHelper(buffer: Uint8Array, offset: number, end: number): number {
  const length = offset < end ? buffer[offset]! : 0;
  if (length === 0 || length > HELPER_LENGTH_MAX || offset + 1 + length > end) {
    throw new FlowCodecError(Math.min(offset, end), 'helper name is cut short, empty or too long');
  }
  for (let index = 1; index <= length; index += 1) {
    const character = buffer[offset + index]!;
    if (character < 0x20 || character > 0x7e) {
      throw new FlowCodecError(offset + index, 'helper name is not printable ASCII');
    }
  }
  return offset + 1 + length;
}

function sameAddress(left: Uint8Array, right: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index += 1) if (left[index] !== right[index]) return false;
  return true;
}

function writeReply(fields: FlowFields, buffer: Uint8Array, offset: number): number {
  const length = addressLength(fields.family);
  let parts = 0;
  let end = offset + 1;
  if (!sameAddress(fields.replySource, fields.originalDestination, length)) {
    parts |= ReplyPart.source;
    end = copyBytes(fields.replySource, 0, buffer, end, length);
  }
  if (!sameAddress(fields.replyDestination, fields.originalSource, length)) {
    parts |= ReplyPart.destination;
    end = copyBytes(fields.replyDestination, 0, buffer, end, length);
  }
  if (fields.replyL4 >>> 0 !== invertL4(fields.protocol, fields.originalL4)) {
    parts |= ReplyPart.l4;
    end = writeUint32(buffer, end, fields.replyL4);
  }
  buffer[offset] = parts;
  return end;
}

function readReply(buffer: Uint8Array, offset: number, fields: FlowFields): number {
  const length = addressLength(fields.family);
  const parts = buffer[offset]!;
  let end = offset + 1;
  if (parts & ReplyPart.source) end = readAddress(buffer, end, fields.replySource, length);
  else copyBytes(fields.originalDestination, 0, fields.replySource, 0, 16);
  if (parts & ReplyPart.destination)
    end = readAddress(buffer, end, fields.replyDestination, length);
  else copyBytes(fields.originalSource, 0, fields.replyDestination, 0, 16);
  if ((parts & ReplyPart.l4) === 0) {
    fields.replyL4 = invertL4(fields.protocol, fields.originalL4);
    return end;
  }
  fields.replyL4 = readUint32(buffer, end);
  return end + 4;
}

function writeHelper(helper: string, buffer: Uint8Array, offset: number): number {
  if (!/^[\x20-\x7e]{1,15}$/.test(helper)) {
    throw new FlowValueError('helper', helper, '1 to 15 printable ASCII characters');
  }
  buffer[offset] = helper.length;
  for (let index = 0; index < helper.length; index += 1) {
    buffer[offset + 1 + index] = helper.charCodeAt(index);
  }
  return offset + 1 + helper.length;
}

function readHelper(buffer: Uint8Array, offset: number, fields: FlowFields): number {
  const end = offset + 1 + buffer[offset]!;
  fields.helper = String.fromCharCode(...buffer.subarray(offset + 1, end));
  return end;
}

function writeMaster(fields: FlowFields, buffer: Uint8Array, offset: number): number {
  const length = addressLength(fields.family);
  let end = copyBytes(fields.masterSource, 0, buffer, offset, length);
  end = copyBytes(fields.masterDestination, 0, buffer, end, length);
  buffer[end] = fields.masterProtocol;
  return writeUint32(buffer, end + 1, fields.masterL4);
}

function readMaster(buffer: Uint8Array, offset: number, fields: FlowFields): number {
  const length = addressLength(fields.family);
  let end = readAddress(buffer, offset, fields.masterSource, length);
  end = readAddress(buffer, end, fields.masterDestination, length);
  fields.masterProtocol = buffer[end]!;
  fields.masterL4 = readUint32(buffer, end + 1);
  return end + 5;
}

function writeSequenceAdjust(adjust: SequenceAdjust, buffer: Uint8Array, offset: number): number {
  const end = writeUint32(buffer, offset, adjust.correctionPosition);
  return writeUint32(buffer, writeUint32(buffer, end, adjust.offsetBefore), adjust.offsetAfter);
}

function readSequenceAdjust(buffer: Uint8Array, offset: number, adjust: SequenceAdjust): number {
  adjust.correctionPosition = readUint32(buffer, offset);
  adjust.offsetBefore = readUint32(buffer, offset + 4);
  adjust.offsetAfter = readUint32(buffer, offset + 8);
  return offset + 12;
}

function writeZoneDirection(fields: FlowFields, buffer: Uint8Array, offset: number): number {
  if (!(fields.zoneDirection >= 0 && fields.zoneDirection <= 2)) {
    throw new FlowValueError('zoneDirection', fields.zoneDirection, '0, 1 or 2');
  }
  buffer[offset] = fields.zoneDirection;
  return writeUint16(buffer, offset + 1, fields.replyZone);
}
