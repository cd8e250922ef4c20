import { FlowAttribute, type FlowFields, type SequenceAdjust } from './flow-fields.ts';
import { packAddress, unpackAddress } from './flow-slot.ts';

/** The words of the cell that holds a flow's rare attributes; 32 words as a slot. */
export const ExtrasWord = {
  labels: 0,
  /** Length in the first byte, then up to 15 characters. */
  helper: 4,
  masterSource: 8,
  masterDestination: 12,
  masterL4: 16,
  sequenceAdjustOriginal: 17,
  sequenceAdjustReply: 20,
  synproxy: 23,
  /** Master's protocol << 24 | zone direction << 16 | reply zone. */
  zones: 26,
  /** SCTP state << 16 | DCCP state << 8 | DCCP role. */
  states: 27,
  sctpTags: 28,
  dccpSequence: 30,
} as const;

/** The attributes that live in the cell. */
export const RARE_ATTRIBUTES =
  FlowAttribute.labels |
  FlowAttribute.helper |
  FlowAttribute.master |
  FlowAttribute.sequenceAdjustOriginal |
  FlowAttribute.sequenceAdjustReply |
  FlowAttribute.synproxy |
  FlowAttribute.zoneDirection |
  FlowAttribute.sctp |
  FlowAttribute.dccp;

const helperBytes = new Uint8Array(16);

/** Merges the set rare attributes into the cell. */
export function packExtras(fields: FlowFields, words: Uint32Array, base: number): void {
  const set = fields.attributes;
  if (set & FlowAttribute.labels) packAddress(fields.labels, words, base + ExtrasWord.labels);
  if (set & FlowAttribute.helper) packHelper(fields.helper, words, base);
  if (set & FlowAttribute.master) {
    packAddress(fields.masterSource, words, base + ExtrasWord.masterSource);
    packAddress(fields.masterDestination, words, base + ExtrasWord.masterDestination);
    words[base + ExtrasWord.masterL4] = fields.masterL4;
    setBits(words, base + ExtrasWord.zones, 0xff000000, fields.masterProtocol << 24);
  }
  if (set & FlowAttribute.zoneDirection) {
    const zones = (fields.zoneDirection << 16) | (fields.replyZone & 0xffff);
    setBits(words, base + ExtrasWord.zones, 0x00ffffff, zones);
  }
  if (set & FlowAttribute.sequenceAdjustOriginal) {
    packAdjust(fields.sequenceAdjustOriginal, words, base + ExtrasWord.sequenceAdjustOriginal);
  }
  if (set & FlowAttribute.sequenceAdjustReply) {
    packAdjust(fields.sequenceAdjustReply, words, base + ExtrasWord.sequenceAdjustReply);
  }
  if (set & FlowAttribute.synproxy) {
    words[base + ExtrasWord.synproxy] = fields.synproxyInitialSequence;
    words[base + ExtrasWord.synproxy + 1] = fields.synproxyInitialTimestamp;
    words[base + ExtrasWord.synproxy + 2] = fields.synproxyTimestampOffset;
  }
  packStates(fields, words, base);
}

function packStates(fields: FlowFields, words: Uint32Array, base: number): void {
  const set = fields.attributes;
  if (set & FlowAttribute.sctp) {
    setBits(words, base + ExtrasWord.states, 0xff0000, fields.sctpState << 16);
    words[base + ExtrasWord.sctpTags] = fields.sctpVerificationTagOriginal;
    words[base + ExtrasWord.sctpTags + 1] = fields.sctpVerificationTagReply;
  }
  if (set & FlowAttribute.dccp) {
    const state = ((fields.dccpState & 0xff) << 8) | (fields.dccpRole & 0xff);
    setBits(words, base + ExtrasWord.states, 0xffff, state);
    words[base + ExtrasWord.dccpSequence] = fields.dccpSequenceHigh;
    words[base + ExtrasWord.dccpSequence + 1] = fields.dccpSequenceLow;
  }
}

/** Reads the rare attributes of `into.attributes` from the cell. */
export function unpackExtras(words: Uint32Array, base: number, into: FlowFields): void {
  const set = into.attributes;
  const zones = words[base + ExtrasWord.zones]!;
  if (set & FlowAttribute.labels) unpackAddress(words, base + ExtrasWord.labels, into.labels);
  if (set & FlowAttribute.helper) into.helper = unpackHelper(words, base);
  if (set & FlowAttribute.master) {
    unpackAddress(words, base + ExtrasWord.masterSource, into.masterSource);
    unpackAddress(words, base + ExtrasWord.masterDestination, into.masterDestination);
    into.masterL4 = words[base + ExtrasWord.masterL4]!;
    into.masterProtocol = zones >>> 24;
  }
  if (set & FlowAttribute.zoneDirection) {
    into.zoneDirection = (zones >>> 16) & 0xff;
    into.replyZone = zones & 0xffff;
  }
  if (set & FlowAttribute.sequenceAdjustOriginal) {
    unpackAdjust(words, base + ExtrasWord.sequenceAdjustOriginal, into.sequenceAdjustOriginal);
  }
  if (set & FlowAttribute.sequenceAdjustReply) {
    unpackAdjust(words, base + ExtrasWord.sequenceAdjustReply, into.sequenceAdjustReply);
  }
  if (set & FlowAttribute.synproxy) {
    into.synproxyInitialSequence = words[base + ExtrasWord.synproxy]!;
    into.synproxyInitialTimestamp = words[base + ExtrasWord.synproxy + 1]!;
    into.synproxyTimestampOffset = words[base + ExtrasWord.synproxy + 2]!;
  }
  unpackStates(words, base, into);
}

function unpackStates(words: Uint32Array, base: number, into: FlowFields): void {
  const states = words[base + ExtrasWord.states]!;
  if (into.attributes & FlowAttribute.sctp) {
    into.sctpState = (states >>> 16) & 0xff;
    into.sctpVerificationTagOriginal = words[base + ExtrasWord.sctpTags]!;
    into.sctpVerificationTagReply = words[base + ExtrasWord.sctpTags + 1]!;
  }
  if (into.attributes & FlowAttribute.dccp) {
    into.dccpState = (states >>> 8) & 0xff;
    into.dccpRole = states & 0xff;
    into.dccpSequenceHigh = words[base + ExtrasWord.dccpSequence]!;
    into.dccpSequenceLow = words[base + ExtrasWord.dccpSequence + 1]!;
  }
}

function setBits(words: Uint32Array, at: number, mask: number, bits: number): void {
  words[at] = (words[at]! & ~mask) | (bits & mask);
}

function packAdjust(adjust: SequenceAdjust, words: Uint32Array, at: number): void {
  words[at] = adjust.correctionPosition;
  words[at + 1] = adjust.offsetBefore;
  words[at + 2] = adjust.offsetAfter;
}

function unpackAdjust(words: Uint32Array, at: number, adjust: SequenceAdjust): void {
  adjust.correctionPosition = words[at]!;
  adjust.offsetBefore = words[at + 1]!;
  adjust.offsetAfter = words[at + 2]!;
}

function packHelper(helper: string, words: Uint32Array, base: number): void {
  helperBytes.fill(0);
  helperBytes[0] = helper.length;
  for (let index = 0; index < helper.length; index += 1) {
    helperBytes[1 + index] = helper.charCodeAt(index);
  }
  packAddress(helperBytes, words, base + ExtrasWord.helper);
}

function unpackHelper(words: Uint32Array, base: number): string {
  unpackAddress(words, base + ExtrasWord.helper, helperBytes);
  return String.fromCharCode(...helperBytes.subarray(1, 1 + helperBytes[0]!));
}
