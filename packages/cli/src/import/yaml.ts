import type { Conversion, Note, VrrpHints } from './convert.ts';

/** Stands where a person has to write something; `raftwalld --check` refuses it. */
const FILL_IN = 'FILL-IN';

const peerPort = 7650;

/** The configuration with a comment wherever something is to be filled in, and what became of each statement behind it. */
export function configText(conversion: Conversion, hints: VrrpHints): string {
  const { memberAddresses, capture, kernel, notes } = conversion;
  const missing = 'which this file cannot tell';
  return `# Made from a conntrackd.conf. Replace every ${FILL_IN}, then: raftwalld --check --config FILE
cluster:
  name: ${FILL_IN}  # equal on all members
  members:  # at least three, of which one may be a witness; one address each on the link among them
${[0, 1, 2].map((i) => memberLine(i, memberAddresses[i])).join('')}  virtualAddresses: ${list(hints.virtualAddresses)}  # those of keepalived.conf
node:
  id: fw1  # on each member its own
peers:  # tls: { ca: FILE, cert: FILE, key: FILE } for each member, or insecure: true on a closed link
  tls: { ca: ${FILL_IN}, cert: ${FILL_IN}, key: ${FILL_IN} }
vrrp:
  mode: follow
  instance: ${instanceText(hints)}  # ${hints.instance === null ? `the vrrp_sync_group, ${missing}` : 'as in keepalived.conf'}
${section('capture', capture)}${section('kernel', kernel)}${noteText(notes)}`;
}

function memberLine(index: number, host: string | undefined): string {
  const address = host === undefined ? FILL_IN : endpoint(host);
  return `    - { id: fw${index + 1}, address: ${JSON.stringify(address)} }\n`;
}

function endpoint(host: string): string {
  return host.includes(':') ? `[${host}]:${peerPort}` : `${host}:${peerPort}`;
}

function list(values: readonly string[]): string {
  return values.length === 0 ? `[${FILL_IN}]` : JSON.stringify(values);
}

function instanceText({ instance }: VrrpHints): string {
  return instance === null
    ? `{ group: ${FILL_IN} }`
    : `{ ${instance.kind}: ${JSON.stringify(instance.name)} }`;
}

/** JSON is YAML, too. */
function section(name: string, values: Readonly<Record<string, unknown>>): string {
  if (Object.keys(values).length === 0) return '';
  const lines = Object.entries(values).map(([key, value]) =>
    key === 'filter' ? nested(key, value as object) : `  ${key}: ${JSON.stringify(value)}\n`,
  );
  return `${name}:\n${lines.join('')}`;
}

function nested(key: string, values: object): string {
  const lines = Object.entries(values).map(([k, value]) => `    ${k}: ${JSON.stringify(value)}\n`);
  return `  ${key}:\n${lines.join('')}`;
}

const headings: Readonly<Record<Note['verdict'], string>> = {
  check: 'Look at these yourself:',
  none: 'These have no equivalent, and need none unless it says so:',
  taken: 'These are taken over:',
};

function noteText(notes: readonly Note[]): string {
  return (['check', 'none', 'taken'] as const)
    .map((verdict) => {
      const lines = notes
        .filter((note) => note.verdict === verdict)
        .map(({ line, statement, text }) => `#   line ${line}: ${statement}: ${text}\n`);
      return lines.length === 0 ? '' : `\n# ${headings[verdict]}\n${lines.join('')}`;
    })
    .join('');
}
