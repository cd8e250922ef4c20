import { decodeConfig } from '../../src/core/config.ts';
import type { RaftMessage, SnapshotMessage } from '../../src/core/message.ts';
import type { Ready } from '../../src/core/ready.ts';
import { type ClusterConfig, type Entry, EntryType, type LogId } from '../../src/core/types.ts';

/** An entry's place, `index/term`. */
export function placeOf({ index, term }: LogId): string {
  return `${index}/${term}`;
}

export function configText(config: ClusterConfig): string {
  const list = (name: string, ids: readonly string[]): string =>
    ids.length === 0 ? '' : `${name} ${ids.join(' ')}`;
  return [
    list('voters', config.voters),
    list('outgoing', config.votersOutgoing),
    list('learners', config.learners),
    config.autoLeave ? 'leaving by itself' : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function dataText(data: Uint8Array): string {
  const text = new TextDecoder().decode(data);
  const isPlain = /^[\w ]*$/.test(text);
  if (!isPlain) return `${data.length} bytes`;
  return text.length > 20 ? `"${text.slice(0, 4)}..." of ${text.length}` : `"${text}"`;
}

export function entryText(entry: Entry): string {
  if (entry.type === EntryType.noop) return `${placeOf(entry)} noop`;
  if (entry.type === EntryType.config) {
    return `${placeOf(entry)} config (${configText(decodeConfig(entry.data))})`;
  }
  return `${placeOf(entry)} ${dataText(entry.data)}`;
}

function entriesText(entries: readonly Entry[]): string {
  return `[${entries.map(entryText).join(', ')}]`;
}

function bodyText(message: RaftMessage | SnapshotMessage): string {
  switch (message.kind) {
    case 'vote':
    case 'pre-vote': {
      const place = placeOf({ index: message.lastIndex, term: message.lastTerm });
      return `log ends at ${place}${message.transfer ? ', by transfer' : ''}`;
    }
    case 'vote-response':
    case 'pre-vote-response':
      return `${message.granted ? 'granted' : 'refused'}${message.tornLog ? ', torn' : ''}`;
    case 'append': {
      const place = placeOf({ index: message.prevIndex, term: message.prevTerm });
      return `after ${place} ${entriesText(message.entries)} commit ${message.commit}`;
    }
    case 'append-response': {
      if (message.success) return `holds ${message.index}`;
      const hint = placeOf({ index: message.hintIndex, term: message.hintTerm });
      return `refused after ${message.index}, try ${hint}`;
    }
    case 'heartbeat':
      return `commit ${message.commit}, round ${message.readRound}, all hold ${message.allMatched}`;
    case 'heartbeat-response': {
      const wanted = message.wantedSnapshot;
      return `round ${message.readRound}${wanted === undefined ? '' : `, wants snapshot ${wanted}`}`;
    }
    case 'timeout-now':
      return `log ends at ${placeOf({ index: message.lastIndex, term: message.lastTerm })}`;
    case 'snapshot': {
      const { lastIndex, lastTerm, config } = message.meta;
      return `of ${placeOf({ index: lastIndex, term: lastTerm })}, ${configText(config)}`;
    }
  }
}

export function messageText(message: RaftMessage | SnapshotMessage): string {
  const { from, to, kind, term } = message;
  return `${from} -> ${to} ${kind} t${term}: ${bodyText(message)}`;
}

/** What a member is to do, one line each; its messages come when they leave. */
export function readyText(id: string, ready: Ready): string[] {
  const lines: string[] = [];
  const add = (text: string): void => {
    lines.push(`${id}: ${text}`);
  };
  const { softState, config, append, restore } = ready;
  if (softState !== null) {
    const { role, term, leader } = softState;
    add(`${role} in t${term}${leader === null ? '' : `, led by ${leader}`}`);
  }
  if (config !== null) add(`config ${configText(config)}`);
  if (append !== null) {
    const { hardState, reset, truncateFrom, entries, clearTorn } = append;
    const vote = hardState === null ? '' : ` t${hardState.term} vote ${hardState.votedFor ?? '-'}`;
    const anew = reset === null ? '' : ` begin behind ${placeOf(reset)}`;
    const cut = truncateFrom === null ? '' : ` cut from ${truncateFrom}`;
    const news = entries.length === 0 ? '' : ` ${entriesText(entries)}`;
    add(`write${vote}${anew}${cut}${news}${clearTorn ? ' whole again' : ''}`);
  }
  if (restore !== null) {
    add(`restore ${placeOf({ index: restore.lastIndex, term: restore.lastTerm })}`);
  }
  if (ready.apply.length > 0) add(`apply ${entriesText(ready.apply)}`);
  for (const { to, from } of ready.snapshotsDue) add(`snapshot from ${from} on is due to ${to}`);
  for (const { id: read, index } of ready.readStates) add(`read ${read} ${index ?? 'failed'}`);
  return lines;
}
