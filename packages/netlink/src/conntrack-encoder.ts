import { ConntrackAttribute } from './conntrack-attribute.ts';
import type { ConntrackFields, SequenceAdjustment } from './conntrack-entry.ts';
import { writeAddresses, writeL4 } from './conntrack-tuple-encoder.ts';
import {
  ConntrackStatus,
  ConntrackTcpFlag,
  Cta,
  CtaDccp,
  CtaHelp,
  CtaNat,
  CtaProtoInfo,
  CtaProtoNat,
  CtaSctp,
  CtaSeqAdj,
  CtaSynproxy,
  CtaTcp,
  CtaTuple,
  Protocol,
  TCP_STATE_MAX,
} from './ctnetlink-protocol.ts';
import { inverseL4, l4Shape } from './l4-word.ts';
import type { MessageWriter } from './message-writer.ts';
import { mappedDestinationPort, mappedSourcePort, Nat, natOf } from './nat-mapping.ts';
import { AF_INET } from './netlink-protocol.ts';

/** Which of a flow's two tuples names it in a GET or DELETE. */
export type TupleDirection = 'original' | 'reply';

const HELPER_NAME_MAX = 15;
const LABEL_BYTES = 16;

/** What a new entry's status may say; the kernel sets or ignores every other bit itself, or refuses it with EBUSY. */
const STATUS_SETTABLE =
  ConntrackStatus.seenReply | ConntrackStatus.assured | ConntrackStatus.fixedTimeout;

/** Flags that describe the connection, not the state of the window: that is learnt anew from the first packet. */
const TCP_FLAGS_KEPT =
  ConntrackTcpFlag.windowScale |
  ConntrackTcpFlag.sackPermitted |
  ConntrackTcpFlag.closeInit |
  ConntrackTcpFlag.beLiberal;

/** The kernel keeps a window scale only if both directions have the flag of it. */
const TCP_FLAGS_LIBERAL =
  ConntrackTcpFlag.beLiberal | ConntrackTcpFlag.sackPermitted | ConntrackTcpFlag.windowScale;

/** The tuple that names a flow, and its zone. */
export function writeKey(
  writer: MessageWriter,
  entry: ConntrackFields,
  direction: TupleDirection,
): void {
  if (direction === 'original') {
    writeOriginal(writer, entry);
  } else {
    const zone = zoneDirectionOf(entry) === 2 ? entry.replyZone : -1;
    const at = writer.openNest(Cta.tupleReply);
    writeAddresses(writer, entry.family, entry.replySource, entry.replyDestination);
    writeL4(writer, entry.protocol, entry.replyL4);
    closeTuple(writer, at, zone);
  }
  writeZone(writer, entry);
}

/**
 * Everything that a new entry is made of. The reply tuple is sent as the plain inverse of the original one, and NAT as
 * exact ranges: a reply tuple that is translated already is accepted, but then no packet is translated.
 */
export function writeNewEntry(
  writer: MessageWriter,
  entry: ConntrackFields,
  attributes: number,
  timeoutSeconds: number,
  liberal: boolean,
): void {
  writeOriginal(writer, entry);
  const zone = zoneDirectionOf(entry) === 2 ? entry.replyZone : -1;
  const at = writer.openNest(Cta.tupleReply);
  writeAddresses(writer, entry.family, entry.originalDestination, entry.originalSource);
  writeL4(writer, entry.protocol, inverseL4(entry.protocol, entry.originalL4));
  closeTuple(writer, at, zone);
  writeZone(writer, entry);
  const nat = natOf(entry);
  if (nat & Nat.source) {
    writeNat(writer, entry, Cta.natSource, entry.replyDestination, mappedSourcePort(entry));
  }
  if (nat & Nat.destination) {
    writeNat(writer, entry, Cta.natDestination, entry.replySource, mappedDestinationPort(entry));
  }
  const status = attributes & ConntrackAttribute.status ? entry.status & STATUS_SETTABLE : 0;
  writer.attributeU32(Cta.status, status | ConntrackStatus.confirmed | fixedTimeoutOf(entry));
  writer.attributeU32(Cta.timeout, timeoutSeconds);
  if (attributes & ConntrackAttribute.helper) writeHelper(writer, entry);
  if (attributes & ConntrackAttribute.master) writeMaster(writer, entry);
  writeMutable(writer, entry, attributes, liberal);
}

/** The attributes that an existing entry may be changed by, but its key. */
export function writeChanges(
  writer: MessageWriter,
  entry: ConntrackFields,
  attributes: number,
  kernelStatus: number,
  liberal: boolean,
): void {
  if (attributes & ConntrackAttribute.timeout && fixedTimeoutOf(entry) === 0) {
    writer.attributeU32(Cta.timeout, entry.timeoutSeconds);
  }
  if (attributes & ConntrackAttribute.status) {
    // Clearing a bit that the kernel has set is EBUSY, and so is setting EXPECTED or DYING.
    const wanted = (entry.status & STATUS_SETTABLE) | ConntrackStatus.confirmed;
    writer.attributeU32(Cta.status, ((kernelStatus & ~ConntrackStatus.dying) | wanted) >>> 0);
  }
  writeMutable(writer, entry, attributes, liberal);
}

/**
 * The kernel notes the timeouts of a GRE flow in the flow itself, when a packet makes it (nf_conntrack_gre_packet). A flow
 * made by a message has none, so that its first packet would end it: its life is fixed instead, and then the kernel
 * refuses every other timeout (EPERM).
 */
function fixedTimeoutOf(entry: ConntrackFields): number {
  return entry.protocol === Protocol.gre ? ConntrackStatus.fixedTimeout : 0;
}

function writeMutable(
  writer: MessageWriter,
  entry: ConntrackFields,
  attributes: number,
  liberal: boolean,
): void {
  if (attributes & ConntrackAttribute.tcp) writeTcp(writer, entry, liberal);
  if (attributes & ConntrackAttribute.sctp) writeSctp(writer, entry);
  if (attributes & ConntrackAttribute.dccp) writeDccp(writer, entry);
  if (attributes & ConntrackAttribute.mark) writer.attributeU32(Cta.mark, entry.mark);
  if (attributes & ConntrackAttribute.sequenceAdjustOriginal) {
    writeSequenceAdjustment(writer, Cta.seqAdjOriginal, entry.sequenceAdjustOriginal);
  }
  if (attributes & ConntrackAttribute.sequenceAdjustReply) {
    writeSequenceAdjustment(writer, Cta.seqAdjReply, entry.sequenceAdjustReply);
  }
  if (attributes & ConntrackAttribute.synproxy) writeSynproxy(writer, entry);
  if (attributes & ConntrackAttribute.labels) {
    writer.attributeBytes(Cta.labels, entry.labels, LABEL_BYTES);
  }
}

function writeOriginal(writer: MessageWriter, entry: ConntrackFields): void {
  const zone = zoneDirectionOf(entry) === 1 ? entry.zone : -1;
  const at = writer.openNest(Cta.tupleOriginal);
  writeAddresses(writer, entry.family, entry.originalSource, entry.originalDestination);
  writeL4(writer, entry.protocol, entry.originalL4);
  closeTuple(writer, at, zone);
}

function writeMaster(writer: MessageWriter, entry: ConntrackFields): void {
  const at = writer.openNest(Cta.tupleMaster);
  writeAddresses(writer, entry.family, entry.masterSource, entry.masterDestination);
  writeL4(writer, entry.masterProtocol, entry.masterL4);
  closeTuple(writer, at, -1);
}

/** As every field it counts only if its attribute is set: a reused cell has what it had of another flow. */
function zoneDirectionOf(entry: ConntrackFields): number {
  return entry.attributes & ConntrackAttribute.zoneDirection ? entry.zoneDirection : 0;
}

function writeZone(writer: MessageWriter, entry: ConntrackFields): void {
  if (zoneDirectionOf(entry) === 0 && entry.zone !== 0) writer.attributeU16(Cta.zone, entry.zone);
}

function closeTuple(writer: MessageWriter, at: number, zone: number): void {
  if (zone >= 0) writer.attributeU16(CtaTuple.zone, zone);
  writer.closeNest(at);
}

/** Smallest and largest address and port are the same: with a range the kernel would search for a free port. */
function writeNat(
  writer: MessageWriter,
  entry: ConntrackFields,
  type: number,
  address: Uint8Array,
  port: number,
): void {
  const ipv4 = entry.family === AF_INET;
  const bytes = ipv4 ? 4 : 16;
  const at = writer.openNest(type);
  writer.attributeBytes(ipv4 ? CtaNat.v4Min : CtaNat.v6Min, address, bytes);
  writer.attributeBytes(ipv4 ? CtaNat.v4Max : CtaNat.v6Max, address, bytes);
  if (l4Shape(entry.protocol) !== 'none') {
    const proto = writer.openNest(CtaNat.proto);
    writer.attributeU16(CtaProtoNat.portMin, port);
    writer.attributeU16(CtaProtoNat.portMax, port);
    writer.closeNest(proto);
  }
  writer.closeNest(at);
}

function writeTcp(writer: MessageWriter, entry: ConntrackFields, liberal: boolean): void {
  if (entry.tcpState > TCP_STATE_MAX) return;
  const extra = liberal ? TCP_FLAGS_LIBERAL : 0;
  const original = (entry.tcpFlagsOriginal & TCP_FLAGS_KEPT) | extra;
  const reply = (entry.tcpFlagsReply & TCP_FLAGS_KEPT) | extra;
  const at = writer.openNest(Cta.protoInfo);
  const tcp = writer.openNest(CtaProtoInfo.tcp);
  writer.attributeU8(CtaTcp.state, entry.tcpState);
  writer.attributeU8(CtaTcp.windowScaleOriginal, entry.tcpWindowScaleOriginal);
  writer.attributeU8(CtaTcp.windowScaleReply, entry.tcpWindowScaleReply);
  // The mask names the flags that are set: what the kernel has learnt besides stays.
  writer.attributePair(CtaTcp.flagsOriginal, original, original);
  writer.attributePair(CtaTcp.flagsReply, reply, reply);
  writer.closeNest(tcp);
  writer.closeNest(at);
}

function writeSctp(writer: MessageWriter, entry: ConntrackFields): void {
  const at = writer.openNest(Cta.protoInfo);
  const sctp = writer.openNest(CtaProtoInfo.sctp);
  writer.attributeU8(CtaSctp.state, entry.sctpState);
  writer.attributeU32(CtaSctp.tagOriginal, entry.sctpVerificationTagOriginal);
  writer.attributeU32(CtaSctp.tagReply, entry.sctpVerificationTagReply);
  writer.closeNest(sctp);
  writer.closeNest(at);
}

function writeDccp(writer: MessageWriter, entry: ConntrackFields): void {
  const at = writer.openNest(Cta.protoInfo);
  const dccp = writer.openNest(CtaProtoInfo.dccp);
  writer.attributeU8(CtaDccp.state, entry.dccpState);
  writer.attributeU8(CtaDccp.role, entry.dccpRole);
  writer.attributeU64(CtaDccp.handshakeSequence, entry.dccpSequenceHigh, entry.dccpSequenceLow);
  writer.closeNest(dccp);
  writer.closeNest(at);
}

function writeHelper(writer: MessageWriter, entry: ConntrackFields): void {
  const at = writer.openNest(Cta.help);
  writer.attributeText(CtaHelp.name, entry.helper.slice(0, HELPER_NAME_MAX));
  writer.closeNest(at);
}

function writeSequenceAdjustment(
  writer: MessageWriter,
  type: number,
  cell: SequenceAdjustment,
): void {
  const at = writer.openNest(type);
  writer.attributeU32(CtaSeqAdj.correctionPosition, cell.correctionPosition);
  writer.attributeU32(CtaSeqAdj.offsetBefore, cell.offsetBefore);
  writer.attributeU32(CtaSeqAdj.offsetAfter, cell.offsetAfter);
  writer.closeNest(at);
}

function writeSynproxy(writer: MessageWriter, entry: ConntrackFields): void {
  const at = writer.openNest(Cta.synproxy);
  writer.attributeU32(CtaSynproxy.initialSequence, entry.synproxyInitialSequence);
  writer.attributeU32(CtaSynproxy.initialTimestamp, entry.synproxyInitialTimestamp);
  writer.attributeU32(CtaSynproxy.timestampOffset, entry.synproxyTimestampOffset);
  writer.closeNest(at);
}
