import type { FlowView, TupleView } from '@raftwall/admin-api/client';
import { protocolOf } from './flow-protocol.ts';

/** One flow as conntrackd's `-x` prints it: one `<flow>` element on one line, without header and root. */
export function flowXml(flow: FlowView): string {
  const { name, number } = protocolOf(flow);
  const [layer3, layer3Number] = flow.family === 'ipv4' ? ['ipv4', 2] : ['ipv6', 10];
  const meta = (direction: string, { src, dst, ...tuple }: TupleView) =>
    `<meta direction="${direction}"><layer3 protonum="${layer3Number}" protoname="${layer3}"><src>${src}</src><dst>${dst}</dst></layer3>` +
    `<layer4 protonum="${number}" protoname="${name}">${ports({ src, dst, ...tuple })}</layer4></meta>`;
  return `<flow>${meta('original', flow.original)}${meta('reply', flow.reply)}${independent(flow)}</flow>`;
}

function ports({ sport, dport }: TupleView): string {
  return sport === undefined ? '' : `<sport>${sport}</sport><dport>${dport ?? 0}</dport>`;
}

function independent(flow: FlowView): string {
  const state = flow.state === null ? '' : `<state>${flow.state}</state>`;
  const zone = flow.zone === 0 ? '' : `<zone>${flow.zone}</zone>`;
  const unreplied = flow.status.includes('SEEN_REPLY') ? '' : '<unreplied/>';
  const assured = flow.status.includes('ASSURED') ? '<assured/>' : '';
  return `<meta direction="independent">${state}<timeout>${flow.timeoutSeconds}</timeout><mark>${flow.mark}</mark>${zone}${unreplied}${assured}</meta>`;
}
