import type { MemberStatus, NodeEvent, NodeStatus } from '@raftwall/admin-api/client';

/** How a value is meant: fine, wrong, or neither. */
type Tone = 'good' | 'bad' | 'plain';

/** One thing to show, with its name. */
export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly tone: Tone;
}

const plain = (name: string, value: string | number): Fact => ({
  name,
  value: String(value),
  tone: 'plain',
});

const verdict = (name: string, isGood: boolean, value: string): Fact => ({
  name,
  value,
  tone: isGood ? 'good' : 'bad',
});

/** What the page says of the node, in its order. */
export function factsOf(status: NodeStatus): Fact[] {
  const { vrrp } = status;
  return [
    plain('node', status.node),
    plain('role', status.role),
    verdict('ready', status.ready, status.ready ? 'yes' : `no: ${status.notReadyReason ?? '?'}`),
    verdict('quorum', status.quorum, status.quorum ? 'yes' : 'no'),
    verdict('leader', status.leader !== null, status.leader ?? 'none'),
    verdict('active node', status.active !== null, status.active ?? 'none'),
    plain('flows', status.flows.toLocaleString('en')),
    plain('epoch', status.epoch),
    plain('behind the log', `${status.commitIndex - status.kernelIndex} entries`),
    ...(vrrp === null ? [] : [verdict('VRRP', !vrrp.splitVip, vrrpText(vrrp))]),
  ];
}

function vrrpText({ state, splitVip }: NonNullable<NodeStatus['vrrp']>): string {
  return splitVip ? `${state}, another MASTER holds the epoch` : state;
}

/** The cells of a member's row. */
export function memberCells(member: MemberStatus): Fact[] {
  return [
    plain('member', member.id),
    plain('address', member.address),
    plain('role', member.role),
    plain('match index', member.matchIndex ?? '–'),
    verdict('reachable', member.reachable, member.reachable ? 'yes' : 'no'),
    verdict('level', member.level, member.level ? 'yes' : 'no'),
  ];
}

/** Details of an event in one line. */
export function detailsText({ details }: NodeEvent): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
