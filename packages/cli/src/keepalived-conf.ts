import { canonicalIp } from '@raftwall/daemon/config';

/** A line of keepalived.conf that opens a block or stands alone. */
interface Block {
  /** First word as it stands: in lists it is a name. */
  readonly keyword: string;
  readonly words: readonly string[];
  readonly line: number;
  /** Null: no block. */
  readonly body: Block[] | null;
}

/** A `track_file` (formerly `vrrp_track_file`) that is defined, or used with a weight of its own. */
export interface TrackFile {
  readonly name: string;
  /** Absolute path; empty where it is only used. */
  readonly file: string;
  /** Null: none is given. */
  readonly weight: number | null;
  readonly reverse: boolean;
  readonly line: number;
}

/** What a group and an instance have in common. */
interface Tracked {
  readonly name: string;
  readonly line: number;
  readonly trackFiles: readonly TrackFile[];
}

export interface SyncGroup extends Tracked {
  readonly members: readonly string[];
  /** `sync_group_tracking_weight`: without it a weight on the group is not taken. */
  readonly isWeighted: boolean;
}

export interface VrrpInstance extends Tracked {
  readonly state: string;
  readonly priority: number;
  readonly advertIntervalMs: number;
  readonly nopreempt: boolean;
  readonly version: number | null;
  /** Canonical addresses, without length, of both kinds of virtual addresses. */
  readonly addresses: readonly string[];
}

/** What of a keepalived.conf matters here. */
export interface KeepalivedConf {
  readonly version: number;
  readonly fifos: readonly string[];
  readonly trackFiles: readonly TrackFile[];
  readonly groups: readonly SyncGroup[];
  readonly instances: readonly VrrpInstance[];
  /** What keepalived passes over or what is not read here, each with its line. */
  readonly remarks: readonly string[];
}

/** keepalived's own defaults, keepalived.conf(5). */
const priorityDefault = 100;
const advertSecondsDefault = 1;
const versionDefault = 2;
const depthMax = 16;

/** Reads a keepalived.conf as keepalived does: one statement a line. It takes any text; what makes no sense is remarked. */
export function parseKeepalived(text: string): KeepalivedConf {
  const remarks: string[] = [];
  const top = blocksOf(text, remarks);
  const globals = all(top, 'global_defs').flatMap(({ body }) => body ?? []);
  const words = (keyword: RegExp): readonly string[] =>
    globals.filter((it) => keyword.test(it.keyword)).flatMap((it) => it.words.slice(0, 1));
  return {
    version: Number(words(/^vrrp_version$/)[0] ?? versionDefault),
    fifos: words(/^(vrrp_)?notify_fifo$/),
    trackFiles: [...all(top, 'track_file'), ...all(top, 'vrrp_track_file')].map(definedTrackFile),
    groups: all(top, 'vrrp_sync_group').map(syncGroup),
    instances: all(top, 'vrrp_instance').map(vrrpInstance),
    remarks,
  };
}

function blocksOf(text: string, remarks: string[]): Block[] {
  const top: Block[] = [];
  const open: Block[][] = [top];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    // `@id` before a statement makes it count on one machine only; here it counts always.
    const statement = raw
      .replace(/^\s*@\S+\s+/, '')
      .replace(/(^|\s)[#!].*$/, '')
      .trim();
    if (statement === '') continue;
    const at = statement.indexOf('{');
    const head = wordsOf(at < 0 ? statement : statement.slice(0, at));
    if (statement.startsWith('}')) closeBlock(open, remarks, line);
    else addBlock(open, { keyword: head[0] ?? '', words: head.slice(1), line }, at);
    const rest = statement.startsWith('}')
      ? statement.slice(1)
      : at < 0
        ? ''
        : statement.slice(at + 1);
    if (rest.trim() !== '' && rest.trim() !== '{') {
      remarks.push(`line ${line}: keepalived passes over what follows a brace: ${rest.trim()}`);
    }
    if (head[0] === 'include') remarks.push(`line ${line}: the included files are not read here`);
  }
  if (open.length > 1) remarks.push(`${open.length - 1} blocks are not closed`);
  return top;
}

function closeBlock(open: Block[][], remarks: string[], line: number): void {
  if (open.length > 1) open.pop();
  else remarks.push(`line ${line}: a } without its {`);
}

function addBlock(open: Block[][], head: Omit<Block, 'body'>, braceAt: number): void {
  const parent = open.at(-1);
  // A lone brace belongs to the line before.
  const before = head.keyword === '' ? parent?.at(-1) : undefined;
  const body: Block[] | null = braceAt < 0 || open.length > depthMax ? null : [];
  if (before === undefined) parent?.push({ ...head, body });
  else parent?.splice(-1, 1, { ...before, body });
  if (body !== null) open.push(body);
}

function wordsOf(text: string): readonly string[] {
  const found = text.matchAll(/"([^"]*)"|(\S+)/g);
  return Array.from(found, ([, quoted, bare]) => quoted ?? bare ?? '');
}

function all(blocks: readonly Block[], keyword: string): readonly Block[] {
  return blocks.filter((block) => block.keyword === keyword);
}

function firstWord({ body }: Block, keyword: string): string | undefined {
  return all(body ?? [], keyword).at(-1)?.words[0];
}

function definedTrackFile(block: Block): TrackFile {
  const weight = all(block.body ?? [], 'weight').at(-1);
  return {
    name: block.words[0] ?? '',
    file: firstWord(block, 'file') ?? '',
    ...weightOf(weight?.words ?? []),
    line: block.line,
  };
}

/** Inside of a group or an instance: `NAME [weight N [reverse]]` a line. */
function usedTrackFiles(block: Block): readonly TrackFile[] {
  const lines = all(block.body ?? [], 'track_file').flatMap(({ body }) => body ?? []);
  return lines.map(({ keyword, words, line }) => {
    const at = words.indexOf('weight');
    return { name: keyword, file: '', ...weightOf(at < 0 ? [] : words.slice(at + 1)), line };
  });
}

function weightOf(words: readonly string[]): Pick<TrackFile, 'weight' | 'reverse'> {
  return {
    weight: words[0] === undefined ? null : Number(words[0]),
    reverse: words.includes('reverse'),
  };
}

function syncGroup(block: Block): SyncGroup {
  const { body, words, line } = block;
  const members = all(body ?? [], 'group').flatMap((it) => it.body ?? []);
  return {
    name: words[0] ?? '',
    line,
    trackFiles: usedTrackFiles(block),
    members: members.map((it) => it.keyword),
    isWeighted: all(body ?? [], 'sync_group_tracking_weight').length > 0,
  };
}

function vrrpInstance(block: Block): VrrpInstance {
  const { body, words, line } = block;
  const lists = ['virtual_ipaddress', 'virtual_ipaddress_excluded'];
  const addresses = lists.flatMap((list) => all(body ?? [], list)).flatMap((it) => it.body ?? []);
  const version = firstWord(block, 'version');
  return {
    name: words[0] ?? '',
    line,
    trackFiles: usedTrackFiles(block),
    state: firstWord(block, 'state')?.toUpperCase() ?? 'BACKUP',
    priority: Number(firstWord(block, 'priority') ?? priorityDefault),
    advertIntervalMs: Math.round(
      1000 * Number(firstWord(block, 'advert_int') ?? advertSecondsDefault),
    ),
    nopreempt: all(body ?? [], 'nopreempt').length > 0,
    version: version === undefined ? null : Number(version),
    addresses: addresses.flatMap(({ keyword }) => {
      const host = keyword.split('/')[0] ?? '';
      return canonicalIp(host) ?? [];
    }),
  };
}
