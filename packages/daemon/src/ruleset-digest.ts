import { createHash } from 'node:crypto';

/** What the tools of a firewall say of its rules; empty where a tool is missing. */
export interface RulesetTexts {
  /** Of `nft --stateless list ruleset`. */
  readonly nft: string;
  /** Of `iptables-save` and its like, by the tool: `iptables`, `ip6tables-legacy`. */
  readonly saved: Readonly<Record<string, string>>;
}

/**
 * Digests of the rules by table, such that members with the same rules have the same digests (rule K15): what packets change and what
 * is each member's own is taken out.
 *
 * @param ownAddresses Addresses that differ from member to member; virtual ones are not among them.
 * @returns 16 hexadecimal digits each; names such as `ruleset nft inet filter` and `ruleset iptables nat`.
 */
export function rulesetDigests(
  texts: RulesetTexts,
  ownAddresses: readonly string[],
): Readonly<Record<string, string>> {
  const tables = new Map<string, string>();
  for (const [tool, text] of Object.entries(texts.saved)) {
    for (const [name, rules] of savedTables(text)) tables.set(`${tool} ${name}`, rules);
  }
  for (const [name, rules] of nftTables(texts.nft)) {
    // The same rules again, without what nft does not know of iptables' matches.
    if (!tables.has(iptablesName(name))) tables.set(`nft ${name}`, rules);
  }
  const own = ownPattern(ownAddresses);
  return Object.fromEntries(
    [...tables].map(([name, rules]) => {
      const text = own === null ? rules : rules.replace(own, 'OWN');
      return [`ruleset ${name}`, createHash('sha256').update(text).digest('hex').slice(0, 16)];
    }),
  );
}

/** Tables of `iptables-save`, without counters and without chains that say nothing. */
function savedTables(text: string): ReadonlyMap<string, string> {
  const tables = new Map<string, string>();
  let name = '';
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) [name, lines] = [line.slice(1).trim(), []];
    else if (line.startsWith('COMMIT') && isTelling(lines)) tables.set(name, lines.join('\n'));
    else if (!line.startsWith('#')) lines.push(line.replace(/\s*\[\d+:\d+\]\s*/, ' ').trim());
  }
  return tables;
}

/** A table that accepts everything is the same as none: tools make it by being asked. */
function isTelling(lines: readonly string[]): boolean {
  return lines.some((line) => line !== '' && !/^:\S+ ACCEPT$/.test(line));
}

function nftTables(text: string): ReadonlyMap<string, string> {
  const tables = new Map<string, string>();
  for (const block of text.split(/^(?=table )/m)) {
    const name = /^table (\S+ \S+) \{/.exec(block)?.[1];
    if (name !== undefined) tables.set(name, withoutPackets(block));
  }
  return tables;
}

/** Sets that packets fill keep their elements for themselves; of the others, what changes by itself goes. */
function withoutPackets(block: string): string {
  return block
    .replace(/^\t(?:set|map|meter) [^{]+\{\n(?:\t\t.*\n)*?\t\}$/gm, (set) =>
      /^\t\tflags [^\n]*\b(?:dynamic|timeout)\b/m.test(set) || set.startsWith('\tmeter ')
        ? set.replace(/^\t\telements = \{[^}]*\}\n/m, '')
        : set,
    )
    .replace(/ expires \w+/g, '')
    .replace(/ # handle \d+/g, '')
    .trim();
}

function iptablesName(nftName: string): string {
  const [family, table] = nftName.split(' ');
  if (family === 'ip') return `iptables ${table}`;
  return family === 'ip6' ? `ip6tables ${table}` : '';
}

function ownPattern(addresses: readonly string[]): RegExp | null {
  if (addresses.length === 0) return null;
  const texts = addresses.map((address) => address.replaceAll('.', '\\.'));
  return new RegExp(`(?<![\\w.:])(?:${texts.join('|')})(?![\\w.:])`, 'g');
}
