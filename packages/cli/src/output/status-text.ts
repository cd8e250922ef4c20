import type { MemberStatus, NodeStatus } from '@raftwall/admin-api/client';
import { type Style, styled, type Terminal } from '../terminal.ts';
import { pairs, table } from './table.ts';

/** A node's status for people: what matters first, then the members. */
export function statusText(status: NodeStatus, terminal: Pick<Terminal, 'isInteractive'>): string {
  const paint = (style: Style, text: string) => styled(terminal, style, text);
  const ready = status.ready
    ? paint('good', 'yes')
    : `${paint('bad', 'no')}: ${status.notReadyReason ?? 'no reason given'}`;
  const entries: [string, string][] = [
    ['node', nodeText(status)],
    ['ready', ready],
    ['quorum', status.quorum ? paint('good', 'yes') : paint('bad', 'no')],
    ['leader', `${status.leader ?? paint('warn', 'none')} (term ${status.term})`],
    ['active', `${status.active ?? paint('warn', 'none')} (epoch ${status.epoch})`],
    ...(status.witness ? tableSide(status) : kernelSide(status, paint)),
  ];
  return `${pairs(entries)}\n${groupsText(status)}${membersText(status.members)}`;
}

function nodeText({ node, role, witness, cluster, version }: NodeStatus): string {
  return `${node} (${witness ? 'witness, ' : ''}${role}, cluster ${cluster}, version ${version})`;
}

/** A witness has log and table. */
function tableSide({ flows, commitIndex, appliedIndex }: NodeStatus): [string, string][] {
  return [
    ['flows', String(flows)],
    ['index', `commit ${commitIndex}, applied ${appliedIndex}`],
  ];
}

function kernelSide(
  status: NodeStatus,
  paint: (style: Style, text: string) => string,
): [string, string][] {
  return [
    ['vrrp', vrrpText(status, paint)],
    ['flows', String(status.flows)],
    ['index', indexText(status)],
    ['capture', captureText(status)],
    ['kernel', kernelText(status)],
  ];
}

/** The traffic groups as a table, where there are several. */
function groupsText({ groups }: NodeStatus): string {
  if (groups.length < 2) return '';
  const rows = groups.map(({ name, active, epoch, local }) => [
    name,
    active ?? '-',
    String(epoch),
    local?.vrrp?.state ?? '-',
    local === null ? '-' : (local.notReadyReason ?? 'yes'),
  ]);
  return `${table(['GROUP', 'ACTIVE', 'EPOCH', 'VRRP', 'READY'], rows)}\n`;
}

/** The members as a table. */
export function membersText(members: readonly MemberStatus[]): string {
  return table(
    ['MEMBER', 'ADDRESS', 'ROLE', 'MATCH', 'REACHABLE', 'LEVEL'],
    members.map((member) => [
      member.id,
      member.address,
      member.role,
      member.matchIndex === null ? '-' : String(member.matchIndex),
      member.reachable ? 'yes' : 'no',
      member.witness ? 'witness' : member.level ? 'yes' : 'no',
    ]),
  );
}

function vrrpText({ vrrp }: NodeStatus, paint: (style: Style, text: string) => string): string {
  if (vrrp === null) return 'none: the leader is the active node';
  const split = vrrp.splitVip ? paint('bad', ', another MASTER holds the epoch') : '';
  return `${vrrp.state} (mode ${vrrp.mode}, track file ${vrrp.trackFileValue})${split}`;
}

function indexText({ commitIndex, appliedIndex, kernelIndex }: NodeStatus): string {
  return `commit ${commitIndex}, applied ${appliedIndex}, kernel ${kernelIndex}`;
}

function captureText({ capture }: NodeStatus): string {
  const { lastProposed, lastApplied, oldestUncommittedMs } = capture;
  return `proposed ${lastProposed}, applied ${lastApplied}, oldest uncommitted ${oldestUncommittedMs} ms`;
}

function kernelText({ kernel }: NodeStatus): string {
  const failures = Object.entries(kernel.failuresByErrno).map(
    ([name, count]) => `${name} ${count}`,
  );
  return [
    `${kernel.entriesInKernel ?? '?'} of ${kernel.entriesMax ?? 'any number of'} entries`,
    `${kernel.queued} queued`,
    `${kernel.overruns} overruns`,
    failures.length === 0 ? 'no failures' : `failures ${failures.join(' ')}`,
    ...(kernel.reconciling ? ['reconciling'] : []),
  ].join(', ');
}
