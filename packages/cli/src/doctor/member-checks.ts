import type {
  MemberStatus,
  NodeStatus,
  SurveyNodeReport,
  SurveyReport,
} from '@raftwall/admin-api/client';
import { error, type Finding, ok, orOk, type Severity, warning } from './finding.ts';

/** Wall clocks that are farther apart make logs hard to lay side by side. */
const clockSpreadMsMax = 1_000;

/** What the daemon of this machine says of itself and its cluster. */
export function statusChecks(status: NodeStatus): Finding[] {
  return [readyCheck(status), quorumCheck(status), ...memberChecks(status), ...splitChecks(status)];
}

function readyCheck({ node, ready, notReadyReason, witness }: NodeStatus): Finding {
  if (ready) return ok('daemon.ready', `${node} is ready`);
  if (witness) return ok('daemon.ready', `${node} is a witness`);
  return error('daemon.ready', {
    found: `${node} is not ready: ${notReadyReason ?? 'no reason is known'}`,
    meaning: 'VRRP is told not to give it the virtual addresses',
    remedy: 'mend the reason; raftwall status --wait-ready 60 waits',
  });
}

function quorumCheck({ quorum }: NodeStatus): Finding {
  if (quorum) return ok('daemon.quorum', 'a majority of the members is in contact');
  return error('daemon.quorum', {
    found: 'this node is not in contact with a majority of the members',
    meaning: 'nothing is replicated; the active firewall goes on with what it has',
    remedy: 'look at the other members and the link among them (raftwall members)',
  });
}

function memberChecks({ node, role, members }: NodeStatus): Finding[] {
  const voters = members.filter((member) => member.role !== 'learner');
  const findings: Finding[] = [];
  if (voters.length === 2) {
    findings.push(
      warning('cluster.voters', {
        found: `the cluster has two voters: ${voters.map(({ id }) => id).join(', ')}`,
        meaning: 'when either is lost nothing is replicated',
        remedy: 'add a third member, which may be a witness (rule V10)',
      }),
    );
  }
  // Only the leader is in contact with all of them.
  const lost = role === 'leader' ? members.filter((it) => it.id !== node && !it.reachable) : [];
  findings.push(...lost.map(lostMember));
  return orOk('cluster.members', findings, `${members.length} members, ${voters.length} voters`);
}

function lostMember({ id, address }: MemberStatus): Finding {
  return error('cluster.members', {
    found: `${id} (${address}) does not answer`,
    meaning: 'it gets no flows, and one failure less is survived',
    remedy: `start raftwalld on ${id}, or look at the link to it`,
  });
}

function splitChecks({ vrrp, kernel }: NodeStatus): Finding[] {
  const findings: Finding[] = [];
  if (vrrp?.splitVip === true) {
    findings.push(
      error('daemon.split-vip', {
        found: 'this node is MASTER, and so is the active node',
        meaning: 'two firewalls answer for the virtual addresses; only one feeds the log',
        remedy: 'see why they do not hear each other (VRRP is IP protocol 112, multicast)',
      }),
    );
  }
  if (kernel.tableDifference !== null) {
    findings.push(
      error('daemon.tables', {
        found: 'the table of this node differs from that of the active node',
        meaning: 'its flows are not those that were agreed on',
        remedy: 'raftwall verify says where; please report it',
      }),
    );
  }
  return findings;
}

/** How a difference between members counts, by the kind of fact. */
interface Kind {
  readonly check: string;
  readonly prefix: string;
  readonly severity: Exclude<Severity, 'ok'>;
  readonly meaning: string;
  readonly remedy: string;
}

const kinds: readonly Kind[] = [
  {
    check: 'members.config',
    prefix: 'config ',
    severity: 'error',
    meaning: 'members decide differently on the same flows, so a takeover loses some',
    remedy: 'the same in the configuration of all members, and restart raftwalld',
  },
  {
    check: 'members.sysctl',
    prefix: 'sysctl ',
    severity: 'warning',
    meaning: 'flows live on under other rules after a takeover',
    remedy: 'the same value in /etc/sysctl.d of all firewalls',
  },
  {
    check: 'members.ruleset',
    prefix: 'ruleset ',
    severity: 'warning',
    meaning:
      'after a takeover packets meet other rules: flows may be dropped or translated otherwise',
    remedy:
      'load the same rules on all firewalls; diff what nft list ruleset and iptables-save print',
  },
  {
    check: 'members.helpers',
    prefix: 'helpers',
    severity: 'warning',
    meaning: 'a firewall without the module creates such flows without their helper (rule K13)',
    remedy: 'the same modules in /etc/modules-load.d of all firewalls',
  },
];

/**
 * All members against each other (rule K15).
 *
 * @param witnesses Members without a kernel: what they do not say is not missing.
 */
export function surveyChecks(report: SurveyReport, witnesses: ReadonlySet<string>): Finding[] {
  const answered = report.nodes.filter((node) => node.answered);
  const silent = report.nodes
    .filter((node) => !node.answered)
    .map(({ node }) =>
      warning('members.survey', {
        found: `${node} did not say how it is set up`,
        meaning: 'it was not compared',
        remedy: `see that raftwalld of the same version runs on ${node}`,
      }),
    );
  const named = answered.map(({ node }) => node).join(', ');
  return [
    ...orOk('members.survey', silent, `all members say how they are set up: ${named}`),
    ...kinds.flatMap((kind) => differences(kind, answered, witnesses)),
    clockCheck(answered, report.durationMs),
  ];
}

function differences(
  { check, prefix, severity, meaning, remedy }: Kind,
  nodes: readonly SurveyNodeReport[],
  witnesses: ReadonlySet<string>,
): Finding[] {
  const all = nodes.flatMap(({ facts }) => Object.keys(facts));
  const names = [...new Set(all)].filter((name) => name.startsWith(prefix)).sort();
  const make = severity === 'error' ? error : warning;
  const troubles = names.flatMap((name) => {
    const concerned = nodes.filter((it) => name in it.facts || !witnesses.has(it.node));
    const text = parting(name, concerned);
    const what = prefix === 'helpers' ? name : name.slice(prefix.length);
    return text === null ? [] : make(check, { found: `${what}: ${text}`, meaning, remedy });
  });
  return orOk(check, troubles, `equal on all members (${names.length} compared)`);
}

/** `fw1, fw2 have 0; fw3 has 1`, or null if they are all the same. */
function parting(name: string, nodes: readonly SurveyNodeReport[]): string | null {
  const byValue = new Map<string, string[]>();
  for (const { node, facts } of nodes) {
    const value = facts[name] ?? 'nothing';
    byValue.set(value, [...(byValue.get(value) ?? []), node]);
  }
  if (byValue.size < 2) return null;
  const parts = [...byValue].map(
    ([value, ids]) => `${ids.join(', ')} ${ids.length === 1 ? 'has' : 'have'} ${value || 'none'}`,
  );
  return parts.join('; ');
}

function clockCheck(nodes: readonly SurveyNodeReport[], durationMs: number): Finding {
  const clocks = nodes.map(({ wallClockMs }) => wallClockMs);
  const spreadMs = Math.max(0, ...clocks) - Math.min(...clocks) - durationMs;
  if (nodes.length < 2 || spreadMs <= clockSpreadMsMax) {
    return ok('members.clock', 'the clocks of the members agree');
  }
  const latest = nodes.find(({ wallClockMs }) => wallClockMs === Math.max(...clocks));
  const earliest = nodes.find(({ wallClockMs }) => wallClockMs === Math.min(...clocks));
  return warning('members.clock', {
    found: `the clock of ${latest?.node} is ${(spreadMs / 1000).toFixed(1)} s ahead of that of ${earliest?.node}`,
    meaning:
      'replication does not depend on it, but logs of the members cannot be laid side by side',
    remedy: 'synchronize them (chrony, timedatectl set-ntp true)',
  });
}
