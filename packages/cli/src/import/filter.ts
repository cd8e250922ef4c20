import {
  CAPTURE_FILTER_DEFAULTS,
  canonicalPrefix,
  PROTOCOL_NUMBERS,
  TCP_STATE_NAMES,
} from '@raftwall/daemon/config';
import type { TakeNote } from './convert.ts';
import type { Statement } from './parser.ts';

interface FilterContext {
  readonly note: TakeNote;
  readonly memberAddresses: readonly string[];
  readonly virtualAddresses: readonly string[];
}

/** raftwalld's defaults, from which what is ignored is taken, and to which it is added. */
const { protocols: protocolsDefault, ignoreAddresses: ignoredDefault } = CAPTURE_FILTER_DEFAULTS;

/** Names of /etc/protocols that raftwall takes by number, and the one that it calls otherwise. */
const protocolNames: Readonly<Record<string, string | number>> = {
  'ipv6-icmp': 'icmpv6',
  igmp: 2,
  ipencap: 4,
  ipv6: 41,
  esp: 50,
  ah: 51,
  ospf: 89,
  ipip: 94,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  ...Object.fromEntries(Object.keys(PROTOCOL_NUMBERS).map((name) => [name, name])),
};

const tcpStates: readonly string[] = TCP_STATE_NAMES.filter((state) => state !== 'none');

/** @returns The keys of `capture.filter` that differ from their defaults. */
export function convertFilter(
  statements: readonly Statement[],
  context: FilterContext,
): Readonly<Record<string, unknown>> {
  const filter: Record<string, unknown> = {};
  for (const it of statements) {
    const isAccept = /^accept$/i.test(it.words[0] ?? '');
    const items = it.body ?? [];
    if (it.keyword === 'Protocol') takeProtocols(filter, { it, isAccept, items }, context.note);
    else if (it.keyword === 'State') takeStates(filter, { it, isAccept, items }, context.note);
    else if (isAccept) takeAddresses(filter, it, context.note);
    else ignoreAddresses(filter, items, context);
  }
  return filter;
}

interface Choice {
  readonly it: Statement;
  readonly isAccept: boolean;
  readonly items: readonly Statement[];
}

function takeProtocols(
  filter: Record<string, unknown>,
  { it, isAccept, items }: Choice,
  note: TakeNote,
): void {
  const named = items.flatMap((item) => {
    const known = protocolNames[item.keyword.toLowerCase()];
    if (known === undefined) {
      note(item, 'check', 'put the number of this protocol into capture.filter.protocols');
    }
    return known ?? [];
  });
  filter['protocols'] = isAccept
    ? named
    : protocolsDefault.filter((protocol) => !named.includes(protocol));
  note(it, 'taken', 'is capture.filter.protocols');
}

function takeStates(
  filter: Record<string, unknown>,
  { it, isAccept, items }: Choice,
  note: TakeNote,
): void {
  const words = items.map(({ keyword }) => keyword.toLowerCase());
  const named = words
    .filter((text) => text !== 'for' && text !== 'tcp')
    .map((text) => ({ closed: 'close', listen: 'syn_sent2' })[text] ?? text);
  for (const [i, item] of items.entries()) {
    const isKnown = tcpStates.includes(named[i] ?? '') || /^(for|tcp)$/i.test(item.keyword);
    if (named[i] !== undefined && !isKnown) note(item, 'check', 'is no state of TCP');
  }
  const known = named.filter((text) => tcpStates.includes(text));
  filter['tcpStates'] = isAccept ? known : tcpStates.filter((state) => !known.includes(state));
  const text =
    'is capture.filter.tcpStates: a flow is replicated from when it is in one of these states on';
  note(it, 'taken', text);
}

function takeAddresses(filter: Record<string, unknown>, it: Statement, note: TakeNote): void {
  const items = it.body ?? [];
  filter['addresses'] = items.map(({ words }) => prefixOf(words[0] ?? ''));
  note(it, 'taken', 'is capture.filter.addresses, which looks at both tuples, translated or not');
}

/**
 * conntrackd's users have to list their firewalls' own and virtual addresses; for raftwall a virtual address here would shut out every
 * flow that is translated to it, since it looks at both tuples.
 */
function ignoreAddresses(
  filter: Record<string, unknown>,
  items: readonly Statement[],
  { note, memberAddresses, virtualAddresses }: FilterContext,
): void {
  const ignored: string[] = [];
  for (const item of items) {
    const prefix = prefixOf(item.words[0] ?? '');
    if (isDefault(prefix)) note(item, 'taken', 'is ignored by default');
    else if (virtualAddresses.includes(hostOf(prefix))) {
      note(item, 'none', 'a virtual address belongs into cluster.virtualAddresses alone');
    } else if (memberAddresses.includes(hostOf(prefix))) {
      note(item, 'none', "the members' own addresses are left alone always (rule K1)");
    } else if (/\/(32|128)$/.test(prefix)) {
      note(
        item,
        'check',
        "left out: firewalls' own addresses need not be named (rule K1), and a virtual one would shut out every flow that is translated to it; if it is another machine's, add it to capture.filter.ignoreAddresses",
      );
    } else {
      ignored.push(prefix);
      note(item, 'taken', 'is in capture.filter.ignoreAddresses, which looks at both tuples');
    }
  }
  if (ignored.length > 0) filter['ignoreAddresses'] = [...ignoredDefault, ...ignored];
}

function isDefault(prefix: string): boolean {
  return prefix.startsWith('127.') || (ignoredDefault as readonly string[]).includes(prefix);
}

/** The address of a prefix that is one address alone; of others the prefix. */
function hostOf(prefix: string): string {
  return prefix.replace(/^([\d.]+)\/32$|^(.*)\/128$/, '$1$2');
}

/** Bits behind the prefix, which raftwalld refuses, conntrackd passes over. */
function prefixOf(text: string): string {
  return canonicalPrefix(text) ?? text;
}
