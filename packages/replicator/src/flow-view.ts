import { FlowAttribute, type FlowFields } from '@raftwall/flow-table';
import { formatAddress, parsePrefix, prefixContains } from './address.ts';
import type { FlowQuery, FlowView, TupleView } from './admin-port.ts';

/** Names of IP protocols as `conntrack -L` prints them. */
export const protocolNames: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};

// enum tcp_conntrack, enum sctp_conntrack and enum ct_dccp_states of the kernel.
const tcpStates =
  'NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2'.split(
    ' ',
  );
const sctpStates =
  'NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT'.split(
    ' ',
  );
const dccpStates = 'NONE REQUEST RESPOND PARTOPEN OPEN CLOSEREQ CLOSING TIMEWAIT'.split(' ');

// Bits of enum ip_conntrack_status, lowest first.
const statusNames =
  'EXPECTED SEEN_REPLY ASSURED CONFIRMED SRC_NAT DST_NAT SEQ_ADJUST SRC_NAT_DONE DST_NAT_DONE DYING FIXED_TIMEOUT TEMPLATE UNTRACKED HELPER OFFLOAD HW_OFFLOAD'.split(
    ' ',
  );

/** A flow as people and scripts read it. `node` is the node whose kernel is the truth. */
export function viewFlow(flow: FlowFields, node: string | null): FlowView {
  return {
    family: flow.family === 2 ? 'ipv4' : 'ipv6',
    protocol: protocolName(flow.protocol),
    zone: flow.zone,
    original: viewTuple(flow, flow.originalSource, flow.originalDestination, flow.originalL4),
    reply: viewTuple(flow, flow.replySource, flow.replyDestination, flow.replyL4),
    state: stateName(flow),
    status: statusNames.filter((_, bit) => (flow.status & (1 << bit)) !== 0),
    timeoutSeconds: flow.timeoutSeconds,
    mark: flow.attributes & FlowAttribute.mark ? flow.mark >>> 0 : 0,
    node,
  };
}

function protocolName(protocol: number): string {
  return protocolNames[protocol] ?? String(protocol);
}

function viewTuple(flow: FlowFields, src: Uint8Array, dst: Uint8Array, l4: number): TupleView {
  const ends = { src: formatAddress(flow.family, src), dst: formatAddress(flow.family, dst) };
  switch (protocolName(flow.protocol)) {
    case 'icmp':
    case 'icmpv6':
      return { ...ends, icmpType: (l4 >>> 8) & 0xff, icmpCode: l4 & 0xff, icmpId: l4 >>> 16 };
    case 'tcp':
    case 'udp':
    case 'udplite':
    case 'sctp':
    case 'dccp':
      return { ...ends, sport: l4 >>> 16, dport: l4 & 0xffff };
    default:
      return ends;
  }
}

function stateName(flow: FlowFields): string | null {
  if (flow.attributes & FlowAttribute.tcp) return tcpStates[flow.tcpState] ?? 'NONE';
  if (flow.attributes & FlowAttribute.sctp) return sctpStates[flow.sctpState] ?? 'NONE';
  if (flow.attributes & FlowAttribute.dccp) return dccpStates[flow.dccpState] ?? 'NONE';
  return null;
}

/** Compiles a query once; the returned test makes nothing per flow. @throws {AddressFormatError} */
export function compileQuery(query: FlowQuery): (flow: FlowFields) => boolean {
  const tests: ((flow: FlowFields) => boolean)[] = [];
  const { proto, state, zone, mark, sport, dport } = query;
  if (proto !== undefined)
    tests.push((flow) => protocolName(flow.protocol) === proto.toLowerCase());
  if (state !== undefined) tests.push((flow) => stateName(flow) === state.toUpperCase());
  if (zone !== undefined) tests.push((flow) => flow.zone === zone);
  if (mark !== undefined) tests.push((flow) => flow.mark >>> 0 === mark);
  if (sport !== undefined) tests.push((flow) => flow.originalL4 >>> 16 === sport);
  if (dport !== undefined) tests.push((flow) => (flow.originalL4 & 0xffff) === dport);
  if (query.src !== undefined) tests.push(within(query.src, (flow) => flow.originalSource));
  if (query.dst !== undefined) tests.push(within(query.dst, (flow) => flow.originalDestination));
  return (flow) => tests.every((test) => test(flow));
}

function within(
  text: string,
  end: (flow: FlowFields) => Uint8Array,
): (flow: FlowFields) => boolean {
  const prefix = parsePrefix(text);
  return (flow) => flow.family === prefix.family && prefixContains(prefix, end(flow));
}
