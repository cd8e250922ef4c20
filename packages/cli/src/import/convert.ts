import { convertFilter } from './filter.ts';
import { modeNotes, withoutEquivalent } from './notes.ts';
import type { Statement } from './parser.ts';
import type { Place } from './token.ts';

/** What was done about one statement. */
export interface Note extends Place {
  readonly statement: string;
  /** `taken`: it stands in the configuration; `none`: it has no equivalent; `check`: a person has to look. */
  readonly verdict: 'taken' | 'none' | 'check';
  readonly text: string;
}

/** What keepalived knows and conntrackd.conf does not. */
export interface VrrpHints {
  readonly virtualAddresses: readonly string[];
  /** The name of the only sync group or, without any, of the only instance; null: there are several, or none. */
  readonly instance: { readonly kind: 'group' | 'instance'; readonly name: string } | null;
}

/** The sections of a raftwall configuration, as far as a conntrackd.conf tells. */
export interface Conversion {
  /** Own address on the link among the members, then those of others. */
  readonly memberAddresses: readonly string[];
  readonly capture: Readonly<Record<string, unknown>>;
  readonly kernel: Readonly<Record<string, unknown>>;
  readonly notes: readonly Note[];
}

/** raftwalld's own, which conntrackd's buffers rarely reach. */
const eventBufferBytesDefault = 64 * 1024 * 1024;

/** Turns the statements of a conntrackd.conf into what raftwall understands, and says of each what became of it. */
export function convert(file: readonly Statement[], hints: VrrpHints): Conversion {
  const notes: Note[] = [];
  const note = (at: Statement, verdict: Note['verdict'], text: string): void => {
    const { line, column } = at;
    notes.push({ line, column, statement: textOf(at), verdict, text });
  };
  const memberAddresses = membersOf(file);
  const filter = convertFilter(within(file, 'General', 'Filter'), {
    note,
    memberAddresses,
    virtualAddresses: hints.virtualAddresses,
  });
  const kernel = {
    ...eventBuffer(within(file, 'General'), note),
    ...windowTracking(within(file, 'Sync', 'Options'), note),
  };
  for (const section of file) explain(section, note);
  notes.sort((left, right) => left.line - right.line || left.column - right.column);
  const capture = Object.keys(filter).length === 0 ? {} : { filter };
  return { memberAddresses, capture, kernel, notes };
}

/** Says what became of a statement. */
export type TakeNote = (at: Statement, verdict: Note['verdict'], text: string) => void;

/** The statements inside all blocks of that path. */
function within(statements: readonly Statement[], ...path: readonly string[]): Statement[] {
  const [first, ...rest] = path;
  if (first === undefined) return [...statements];
  const bodies = statements.filter(({ keyword }) => keyword === first);
  return bodies.flatMap(({ body }) => within(body ?? [], ...rest));
}

/** Addresses of the dedicated links: own ones first. */
function membersOf(file: readonly Statement[]): readonly string[] {
  const links = within(file, 'Sync').filter(({ keyword }) => /^(Multicast|UDP|TCP)$/.test(keyword));
  const valuesOf = (link: Statement, pattern: RegExp): readonly string[] =>
    (link.body ?? []).flatMap((it) => (pattern.test(it.keyword) ? it.words : []));
  const own = links.flatMap((link) => {
    const isMulticast = link.keyword === 'Multicast';
    return valuesOf(link, isMulticast ? /^IPv[46]_interface$/ : /^IPv[46]_address$/);
  });
  const others = links.flatMap((link) => valuesOf(link, /_Destination_Address$/));
  // Of redundant links the first is enough: one address a member.
  return [...own.slice(0, 1), ...others.slice(0, 1)];
}

const bufferKeywords = /^(Netlink|Socket)BufferSize(MaxGrow(n|th))?$/;

function eventBuffer(general: readonly Statement[], note: TakeNote): object {
  const sizes = general.filter(({ keyword }) => bufferKeywords.test(keyword));
  const bytes = Math.max(0, ...sizes.map(({ words }) => Number(words[0])));
  const isTaken = bytes > eventBufferBytesDefault;
  for (const it of sizes) {
    const text = isTaken
      ? 'is kernel.eventBufferBytes, which does not grow'
      : `is less than raftwall's own buffer of ${eventBufferBytesDefault} bytes (kernel.eventBufferBytes)`;
    note(it, isTaken ? 'taken' : 'none', text);
  }
  return isTaken ? { eventBufferBytes: Math.min(bytes, 0x4000_0000) } : {};
}

function windowTracking(options: readonly Statement[], note: TakeNote): object {
  let taken = {};
  for (const it of options) {
    const value = it.words[0] ?? '';
    const isOn = /^(on|yes)$/i.test(value);
    if (it.keyword === 'TCPWindowTracking') {
      taken = { tcpWindowTracking: isOn ? 'strict' : 'liberal' };
      note(it, 'taken', `is kernel.tcpWindowTracking: ${isOn ? 'strict' : 'liberal'}`);
    } else {
      note(it, 'none', 'the expectations of all helpers are always replicated');
    }
  }
  return taken;
}

/** What others have spoken of already. */
const spokenOf = /^(General|Sync|Filter|Options|IPv[46]_\w+)$/;

function explain(it: Statement, note: TakeNote): void {
  const { keyword, body } = it;
  const text =
    keyword === 'Mode' ? modeNotes[it.words[0]?.toLowerCase() ?? ''] : withoutEquivalent[keyword];
  if (text !== undefined) note(it, 'none', text);
  // A section that is dropped as a whole needs one sentence.
  const isWhole = /^(Stats|Helper|UNIX|Scheduler)$/.test(keyword);
  if (isWhole || keyword === 'Filter' || keyword === 'Options') return;
  for (const inner of body ?? []) explain(inner, note);
  if (text === undefined && !spokenOf.test(keyword) && !bufferKeywords.test(keyword)) {
    note(it, 'check', 'is not known to this import');
  }
}

function textOf({ keyword, words, body }: Statement): string {
  return [keyword, ...words, ...(body === null ? [] : ['{ … }'])].join(' ');
}
