import type { FlowView, TupleView } from '@raftwall/admin-api/client';
import { protocolOf } from './flow-protocol.ts';

/**
 * One flow as `conntrack -L` prints it (libnetfilter_conntrack, snprintf_default.c), without the line's end. The kernel's
 * reference count, `use`, is not replicated and shown as that of an entry at rest. `remainingTime: false` leaves out the
 * timeout, as conntrackd does in `-i` and `-e`.
 */
export function flowLine(flow: FlowView, { remainingTime = true } = {}): string {
  const { name, number } = protocolOf(flow);
  const has = (status: string) => flow.status.includes(status);
  const isOffloaded = has('OFFLOAD') || has('HW_OFFLOAD');
  const parts = [
    `${name.padEnd(8)} ${number}`,
    ...(remainingTime && !isOffloaded ? [String(flow.timeoutSeconds)] : []),
    ...(flow.state === null ? [] : [flow.state]),
    tupleText(flow.original, name),
    ...(has('SEEN_REPLY') ? [] : ['[UNREPLIED]']),
    tupleText(flow.reply, name),
    ...mark(flow),
    `mark=${flow.mark}`,
    ...(flow.zone === 0 ? [] : [`zone=${flow.zone}`]),
    'use=1',
  ];
  return parts.join(' ');
}

/** The kernel's word on how settled the flow is; the most telling one only. */
function mark({ status }: FlowView): string[] {
  const found = ['HW_OFFLOAD', 'OFFLOAD', 'ASSURED'].find((name) => status.includes(name));
  return found === undefined ? [] : [`[${found}]`];
}

function tupleText(tuple: TupleView, protocol: string): string {
  const addresses = `src=${tuple.src} dst=${tuple.dst}`;
  if (tuple.icmpType !== undefined) {
    return `${addresses} type=${tuple.icmpType} code=${tuple.icmpCode ?? 0} id=${tuple.icmpId ?? 0}`;
  }
  if (tuple.sport === undefined) return addresses;
  if (protocol === 'gre')
    return `${addresses} srckey=${hex(tuple.sport)} dstkey=${hex(tuple.dport)}`;
  return `${addresses} sport=${tuple.sport} dport=${tuple.dport ?? 0}`;
}

function hex(key: number | undefined): string {
  return `0x${(key ?? 0).toString(16)}`;
}
