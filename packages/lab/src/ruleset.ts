import { plan } from './address-plan.ts';
import type { Namespace } from './namespace.ts';

/** The six rules of the test case, as they are typed. */
const FORWARD_RULES = [
  '-P FORWARD DROP',
  '-A FORWARD -i eth0 -m state --state ESTABLISHED,RELATED -j ACCEPT',
  '-A FORWARD -i eth1 -p tcp --syn -m state --state NEW -j ACCEPT',
  '-A FORWARD -i eth1 -p tcp -m state --state ESTABLISHED -j ACCEPT',
  '-A FORWARD -m state --state INVALID -j LOG',
] as const;

const SNAT = `-I POSTROUTING -t nat -s ${plan.hostA} -j SNAT --to ${plan.virtualRight}`;
const SNAT6 = `-I POSTROUTING -t nat -s ${plan.hostA6} -j SNAT --to ${plan.virtualRight6}`;

/** A service of B behind the left virtual address. */
const DNAT = [
  `-A PREROUTING -t nat -d ${plan.virtualLeft} -p tcp --dport ${plan.forwardedPort}`,
  `-j DNAT --to ${plan.hostB}:${plan.echoPort}`,
].join(' ');

/** A firewall that guards itself as it guards others. */
const INPUT_RULES = [
  '-A INPUT -i lo -j ACCEPT',
  '-A INPUT -p 112 -j ACCEPT',
  '-A INPUT -p icmp -j ACCEPT',
  '-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT',
  `-A INPUT -i eth2 -p tcp --dport ${plan.peerPort} --syn -m state --state NEW -j ACCEPT`,
  '-A INPUT -p tcp --dport 22 --syn -m state --state NEW -j ACCEPT',
  '-A INPUT -m state --state INVALID -j LOG',
  '-P INPUT DROP',
] as const;

/** Which rules a firewall gets beyond the six. */
export interface RulesetOptions {
  readonly ipv6?: boolean;
  readonly dnat?: boolean;
  /** Drops what is not asked for on INPUT too. */
  readonly guardInput?: boolean;
  /** Further rules of iptables, behind the others. */
  readonly extra?: readonly string[];
  /** The same of ip6tables. */
  readonly extra6?: readonly string[];
}

/** Packets that the rules which log INVALID have seen. */
export interface InvalidCounters {
  /** Rule 5, IPv4 and IPv6 together. */
  readonly forward: number;
  readonly input: number;
}

/** Brings the rules in, one `iptables` command each, as a person would. */
export async function applyRuleset(namespace: Namespace, options: RulesetOptions): Promise<void> {
  const rules: string[] = [...FORWARD_RULES, SNAT];
  if (options.dnat === true) rules.push(DNAT);
  if (options.guardInput === true) rules.push(...INPUT_RULES);
  rules.push(...(options.extra ?? []));
  for (const rule of rules) await namespace.exec('iptables', ['-w', ...rule.split(' ')]);
  if (options.ipv6 !== true) return;
  for (const rule of [...FORWARD_RULES, SNAT6, ...(options.extra6 ?? [])]) {
    await namespace.exec('ip6tables', ['-w', ...rule.split(' ')]);
  }
}

/** Reads the counters of the rules that log INVALID. */
export async function readInvalidCounters(namespace: Namespace): Promise<InvalidCounters> {
  const [v4, v6] = await Promise.all(
    ['iptables-save', 'ip6tables-save'].map((tool) => namespace.exec(tool, ['-c', '-t', 'filter'])),
  );
  const sum = (chain: string): number => packetsOf(v4 ?? '', chain) + packetsOf(v6 ?? '', chain);
  return { forward: sum('FORWARD'), input: sum('INPUT') };
}

function packetsOf(saved: string, chain: string): number {
  const rule = new RegExp(`^\\[(\\d+):\\d+\\] -A ${chain} -m state --state INVALID -j LOG`, 'm');
  return Number(rule.exec(saved)?.[1] ?? 0);
}
