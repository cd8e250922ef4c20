import { readUint32, writeUint32 } from './byte-order.ts';
import { FlowAttribute, type FlowFields, type FlowKeyFields } from './flow-fields.ts';
import { FAMILY_IPV4 } from './flow-key.ts';
import type { WordHash } from './word-hash.ts';

/**
 * The words of a flow's slot. Of IPv4 addresses only the first word is used. What an attribute that is not set would
 * occupy is zero, so that equal content is equal words.
 */
export const SlotWord = {
  /** Packed key, bytes 0 to 3: family, protocol, zone; zero in a free slot. */
  header: 0,
  originalSource: 1,
  originalDestination: 5,
  originalL4: 9,
  /** Hash of the key, then of the reply tuple, under the index's seed; beside the key, in the cache line of a lookup. */
  hash: 10,
  replyHash: 11,
  /** Attribute set << 16 | TCP state << 8 | window scale of the original direction. */
  attributes: 12,
  /** Window scale of the reply << 24 | TCP flags of the original direction << 16 | of the reply << 8 | {@link SlotFlag}. */
  tcp: 13,
  status: 14,
  mark: 15,
  replySource: 16,
  replyDestination: 20,
  replyL4: 24,
  /** Local monotonic milliseconds at which the flow ends, low and high word. */
  deadline: 25,
  /** Hash of the form in which the checkpoint has the flow. */
  writtenHash: 27,
  localFlags: 28,
  /** The owner's number, low and high word. */
  localIndex: 29,
  /** Cell of the rare attributes + 1, or 0. */
  extras: 31,
} as const;

export const SlotFlag = { written: 1 } as const;

const TWO_32 = 0x1_0000_0000;

/** Reads a number of up to 53 bits from two words, low first. */
export const readPair = (words: Uint32Array, at: number): number =>
  words[at]! + words[at + 1]! * TWO_32;

/** Writes a number of up to 53 bits to two words, low first. */
export function writePair(words: Uint32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = value / TWO_32;
}

export function packAddress(address: Uint8Array, words: Uint32Array, at: number): void {
  words[at] = readUint32(address, 0);
  words[at + 1] = readUint32(address, 4);
  words[at + 2] = readUint32(address, 8);
  words[at + 3] = readUint32(address, 12);
}

export function unpackAddress(words: Uint32Array, at: number, address: Uint8Array): void {
  for (let word = 0; word < 4; word += 1) writeUint32(address, 4 * word, words[at + word]!);
}

/** Packs the key fields into the words 0 to 9. */
export function packKey(fields: FlowKeyFields, words: Uint32Array, base: number): void {
  words[base] = (fields.family << 24) | ((fields.protocol & 0xff) << 16) | (fields.zone & 0xffff);
  packAddress(fields.originalSource, words, base + SlotWord.originalSource);
  packAddress(fields.originalDestination, words, base + SlotWord.originalDestination);
  words[base + SlotWord.originalL4] = fields.originalL4;
}

/** Reads a packed key into the words 0 to 9. */
export function packKeyBytes(
  buffer: Uint8Array,
  offset: number,
  words: Uint32Array,
  base: number,
): void {
  words[base] = readUint32(buffer, offset);
  if (buffer[offset] === FAMILY_IPV4) {
    words.fill(0, base + 1, base + 9);
    words[base + SlotWord.originalSource] = readUint32(buffer, offset + 4);
    words[base + SlotWord.originalDestination] = readUint32(buffer, offset + 8);
    words[base + SlotWord.originalL4] = readUint32(buffer, offset + 12);
    return;
  }
  for (let word = 1; word < 10; word += 1)
    words[base + word] = readUint32(buffer, offset + 4 * word);
}

/** Reads the words 0 to 9 into the key fields. */
export function unpackKey(words: Uint32Array, base: number, into: FlowFields): void {
  const header = words[base]!;
  into.family = header >>> 24;
  into.protocol = (header >>> 16) & 0xff;
  into.zone = header & 0xffff;
  unpackAddress(words, base + SlotWord.originalSource, into.originalSource);
  unpackAddress(words, base + SlotWord.originalDestination, into.originalDestination);
  into.originalL4 = words[base + SlotWord.originalL4]!;
}

/** Writes the words 0 to 9 as a packed key; returns its length. */
export function writeSlotKey(
  words: Uint32Array,
  base: number,
  buffer: Uint8Array,
  offset: number,
): number {
  let end = writeUint32(buffer, offset, words[base]!);
  if (!isIpv4(words, base)) {
    for (let word = 1; word < 10; word += 1) end = writeUint32(buffer, end, words[base + word]!);
    return end - offset;
  }
  end = writeUint32(buffer, end, words[base + SlotWord.originalSource]!);
  end = writeUint32(buffer, end, words[base + SlotWord.originalDestination]!);
  return writeUint32(buffer, end, words[base + SlotWord.originalL4]!) - offset;
}

export const isIpv4 = (words: Uint32Array, base: number): boolean =>
  words[base]! >>> 24 === FAMILY_IPV4;

/** Whether the tuples (two addresses and L4, nine words) at two places are equal. */
export function sameTuple(
  left: Uint32Array,
  leftAt: number,
  right: Uint32Array,
  rightAt: number,
): boolean {
  for (let word = 0; word < 9; word += 1) {
    if (left[leftAt + word] !== right[rightAt + word]) return false;
  }
  return true;
}

const tupleScratch = new Uint32Array(10);

/** Hashes a header word and a tuple of nine words at `at`, as the bytes of a packed key; returns the low 32 bits. */
export function hashTuple(hash: WordHash, header: number, words: Uint32Array, at: number): number {
  tupleScratch[0] = header;
  if (header >>> 24 === FAMILY_IPV4) {
    tupleScratch[1] = words[at]!;
    tupleScratch[2] = words[at + 4]!;
    tupleScratch[3] = words[at + 8]!;
    return hash.words(tupleScratch, 0, 4);
  }
  for (let word = 0; word < 9; word += 1) tupleScratch[1 + word] = words[at + word]!;
  return hash.words(tupleScratch, 0, 10);
}

/** Merges the set attributes that live in the slot itself; the others are in the extras cell, the deadline is the table's. */
export function packAttributes(fields: FlowFields, words: Uint32Array, base: number): void {
  const set = fields.attributes;
  words[base + SlotWord.attributes]! |= set << 16;
  if (set & FlowAttribute.reply) {
    packAddress(fields.replySource, words, base + SlotWord.replySource);
    packAddress(fields.replyDestination, words, base + SlotWord.replyDestination);
    words[base + SlotWord.replyL4] = fields.replyL4;
  }
  if (set & FlowAttribute.status) words[base + SlotWord.status] = fields.status;
  if (set & FlowAttribute.mark) words[base + SlotWord.mark] = fields.mark;
  if (set & FlowAttribute.tcp) packTcp(fields, words, base);
}

function packTcp(fields: FlowFields, words: Uint32Array, base: number): void {
  words[base + SlotWord.attributes] =
    (words[base + SlotWord.attributes]! & 0xffff0000) |
    ((fields.tcpState & 0xff) << 8) |
    (fields.tcpWindowScaleOriginal & 0xff);
  words[base + SlotWord.tcp] =
    (words[base + SlotWord.tcp]! & 0xff) |
    ((fields.tcpWindowScaleReply & 0xff) << 24) |
    ((fields.tcpFlagsOriginal & 0xff) << 16) |
    ((fields.tcpFlagsReply & 0xff) << 8);
}

/** Reads attribute set and the attributes that live in the slot, except the timeout. */
export function unpackAttributes(words: Uint32Array, base: number, into: FlowFields): void {
  const state = words[base + SlotWord.attributes]!;
  const set = state >>> 16;
  into.attributes = set;
  if (set & FlowAttribute.reply) {
    unpackAddress(words, base + SlotWord.replySource, into.replySource);
    unpackAddress(words, base + SlotWord.replyDestination, into.replyDestination);
    into.replyL4 = words[base + SlotWord.replyL4]!;
  }
  if (set & FlowAttribute.status) into.status = words[base + SlotWord.status]!;
  if (set & FlowAttribute.mark) into.mark = words[base + SlotWord.mark]!;
  if ((set & FlowAttribute.tcp) === 0) return;
  const tcp = words[base + SlotWord.tcp]!;
  into.tcpState = (state >>> 8) & 0xff;
  into.tcpWindowScaleOriginal = state & 0xff;
  into.tcpWindowScaleReply = tcp >>> 24;
  into.tcpFlagsOriginal = (tcp >>> 16) & 0xff;
  into.tcpFlagsReply = (tcp >>> 8) & 0xff;
}
