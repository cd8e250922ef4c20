import { canonicalIp } from '@raftwall/daemon/config';
import { error, type Finding, ok, orOk, warning } from './finding.ts';
import type { Host } from './host.ts';

/** A kind of rule that replication cannot follow. */
interface Unmovable {
  readonly check: string;
  readonly pattern: RegExp;
  readonly name: string;
  readonly meaning: string;
  readonly remedy: string;
}

const unmovable: readonly Unmovable[] = [
  {
    check: 'ruleset.flowtable',
    pattern: /^\s*flowtable \S+|\bflow (?:add|offload) @\S+|-j FLOWOFFLOAD\b/m,
    name: 'a flowtable',
    meaning:
      'offloaded flows pass connection tracking by: their state and timeouts stand still until they come back, so what a standby has of them is old, and they go on the slow way after a takeover',
    remedy: 'leave flows that must survive a takeover out of the flowtable',
  },
  {
    check: 'ruleset.masquerade',
    pattern: /\bmasquerade\b|-j MASQUERADE\b/im,
    name: 'masquerading',
    meaning:
      "masqueraded flows have the firewall's own address: they do not move, and the kernel destroys them when the address goes",
    remedy:
      'SNAT to a virtual address, at least for what is forwarded (iptables -j SNAT --to-source, nft snat to)',
  },
  {
    check: 'ruleset.connbytes',
    pattern: /-m connbytes\b|\bct (?:original |reply )?(?:bytes|packets|avgpkt)\b/m,
    name: 'matches on bytes or packets of a flow',
    meaning: 'counters are not replicated: after a takeover they begin at zero',
    remedy: 'expect it, or decide by marks, which are replicated',
  },
  {
    check: 'ruleset.quota',
    pattern: /-m quota2?\b|\bquota (?:over |until |name )?["\d]/m,
    name: 'a quota',
    meaning: 'what is used up is known to one firewall only',
    remedy: 'expect it to begin anew after a takeover',
  },
  {
    check: 'ruleset.recent',
    pattern: /-m recent\b/m,
    name: 'a list of recent addresses',
    meaning: 'the list is known to one firewall only',
    remedy: 'expect it to begin empty after a takeover',
  },
  {
    check: 'ruleset.dynamic-sets',
    pattern: /^\s*flags [^\n]*\bdynamic\b|-j SET\b/m,
    name: 'a set that packets fill',
    meaning: 'its elements are known to one firewall only',
    remedy: 'expect it to begin empty after a takeover',
  },
  {
    check: 'ruleset.secmark',
    pattern: /-j (?:CONN)?SECMARK\b|\bct secmark\b|\bmeta secmark\b/m,
    name: 'security marks',
    meaning: 'security contexts of flows are not replicated',
    remedy: 'expect flows without a context after a takeover',
  },
  {
    check: 'ruleset.pptp',
    pattern: /--helper pptp\b|\btype "pptp"/m,
    name: 'the helper for PPTP',
    meaning:
      'tunnels need data of the helper that the kernel gives nobody: they break at a takeover',
    remedy: 'another kind of VPN',
  },
];

/** What the tools print, in one text. */
async function rulesetText(host: Host): Promise<string | null> {
  const tools: readonly (readonly [string, readonly string[]])[] = [
    // First in the words in which rules of iptables were written.
    ['iptables-save', []],
    ['ip6tables-save', []],
    ['nft', ['--stateless', 'list', 'ruleset']],
  ];
  const legacy = await Promise.all(
    ['ip', 'ip6'].map(async (family) => {
      const names = await host.read(`/proc/net/${family}_tables_names`);
      return names?.trim() ? [[`${family}tables-legacy-save`, []] as const] : [];
    }),
  );
  const texts = await Promise.all(
    [...tools, ...legacy.flat()].map(([file, args]) => host.output(file, args)),
  );
  const found = texts.filter((text) => text !== null);
  return found.length === 0 ? null : found.join('\n');
}

/**
 * The rules of this machine: whether they track at all, and what in them cannot be moved to another (the N list of the rules).
 *
 * @param virtualAddresses null: they are not known, and so it is not known which addresses stay.
 */
export async function rulesetChecks(
  host: Host,
  virtualAddresses: readonly string[] | null,
): Promise<Finding[]> {
  const text = await rulesetText(host);
  if (text === null) {
    const trouble = {
      found: 'neither nft nor iptables-save gave the rules',
      meaning: 'they were not looked at',
      remedy: host.isRoot ? 'install nftables' : 'run doctor as root',
    };
    return [warning('ruleset.read', trouble)];
  }
  const troubles = unmovable
    .filter(({ pattern }) => pattern.test(text))
    .map(({ check, name, pattern, ...rest }) => {
      const line =
        text
          .split('\n')
          .find((it) => pattern.test(it))
          ?.trim() ?? '';
      return warning(check, { found: `the rules have ${name}: ${line}`, ...rest });
    });
  return [
    trackingCheck(text),
    ...orOk(
      'ruleset.movable',
      [...troubles, ...ownSources(text, host, virtualAddresses)],
      'nothing in the rules stays behind at a takeover',
    ),
    ...helperCheck(text),
  ];
}

/** Rule K15: without a rule that needs it the kernel does not track, entries or not. */
function trackingCheck(text: string): Finding {
  const pattern = /-m (?:state|conntrack)\b|\bct \w+|type nat hook|-j (?:S|D)NAT\b|\bmasquerade\b/i;
  if (pattern.test(text)) return ok('ruleset.tracking', 'the rules make the kernel track');
  return error('ruleset.tracking', {
    found: 'no rule looks at connections or translates',
    meaning: 'the kernel of this network namespace tracks nothing, so there are no flows',
    remedy: 'load the rules (nft -f, iptables-restore); see deploy/firewall',
  });
}

/** Source translation to an address that stays here when the traffic moves. */
function ownSources(
  text: string,
  host: Host,
  virtualAddresses: readonly string[] | null,
): Finding[] {
  if (virtualAddresses === null) return [];
  const own = new Set(host.addresses().map((address) => canonicalIp(address) ?? address));
  for (const address of virtualAddresses) own.delete(address);
  const targets = text.matchAll(/(?:-j SNAT --to-source |\bsnat (?:ip6? )?to )\[?([\da-f.:]+)/gi);
  const found = new Set(
    Array.from(targets, ([, address = '']) => {
      const plain = canonicalIp(address) ?? canonicalIp(address.replace(/:\d+$/, ''));
      return plain ?? address;
    }),
  );
  return [...found]
    .filter((address) => own.has(address))
    .map((address) =>
      warning('ruleset.snat-own', {
        found: `flows are translated to ${address}, an address of this firewall alone`,
        meaning: 'such flows stay on this firewall (rule K1) and break when the traffic moves',
        remedy: 'translate to a virtual address, and name that in cluster.virtualAddresses',
      }),
    );
}

function helperCheck(text: string): Finding[] {
  const found = text.matchAll(/-j CT --helper (\S+)|\btype "(\w+)" protocol/g);
  const names = [...new Set(Array.from(found, ([, saved, nft]) => saved ?? nft ?? ''))].sort();
  const what = names.length === 0 ? 'the rules name no helper' : `helpers: ${names.join(', ')}`;
  return [ok('ruleset.helpers', `${what}; what they expect is replicated`)];
}
