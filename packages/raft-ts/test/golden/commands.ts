import type { MembershipChange } from '../../src/core/membership.ts';
import type { CoreOptions } from '../../src/core/state.ts';
import { type CoreSetup, electionTicks } from '../unit/core-bench.ts';
import { GoldenCluster } from './cluster.ts';
import { configText, entryText } from './format.ts';

type Command = (cluster: GoldenCluster, words: readonly string[], named: Named) => void;
type Named = ReadonlyMap<string, string>;

/** Numbers that `members` and `member` take by these names. */
const optionNames: ReadonlyMap<string, keyof CoreOptions> = new Map([
  ['window', 'inflightMessagesMax'],
  ['window-bytes', 'inflightBytesMax'],
  ['request-bytes', 'appendBytesMax'],
  ['uncommitted-bytes', 'uncommittedBytesMax'],
  ['tail-bytes', 'tailBytesMax'],
]);

function setupOf(named: Named): CoreSetup {
  const numbers = [...optionNames].flatMap(([name, option]) => {
    const value = named.get(name);
    return value === undefined ? [] : [[option, Number(value)] as const];
  });
  const options: Partial<CoreOptions> = {
    ...Object.fromEntries(numbers),
    preVote: named.get('pre-vote') !== 'off',
    checkQuorum: named.get('check-quorum') !== 'off',
  };
  const terms = named.get('log')?.split(',').map(Number);
  const term = named.get('term');
  return {
    options,
    ...(terms === undefined ? {} : { log: terms }),
    ...(term === undefined ? {} : { term: Number(term) }),
    applied: Number(named.get('applied') ?? 0),
    tornLog: named.get('torn') === 'yes',
  };
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',');
}

function changeOf(words: readonly string[]): MembershipChange {
  const add: Record<string, string> = {};
  const replace: Record<string, string> = {};
  const promote: string[] = [];
  const remove: string[] = [];
  for (const word of words) {
    const [what, id] = [word[0], word.slice(1)];
    const [leaver, heir] = word.split('=>');
    if (heir !== undefined) replace[leaver!] = heir;
    else if (what === '+') add[id] = id;
    else if (what === '^') promote.push(id);
    else if (what === '-') remove.push(id);
    else throw new Error(`a change is +id, ^id, -id or id=>id, not ${word}`);
  }
  return { add, promote, remove, replace };
}

function showProgress(cluster: GoldenCluster, id: string): void {
  const { progress } = cluster.get(id).core.state;
  for (const [peer, it] of progress) {
    if (peer === id) continue;
    const window = it.inflights.isFull ? 'full' : String(it.inflights.count);
    cluster.tell(`${peer}: ${it.state} match ${it.match} next ${it.next} in flight ${window}`);
  }
}

function showState(cluster: GoldenCluster, id: string): void {
  const { role, term, leader, votedFor, commit, applied, log, config } = cluster.get(id).core.state;
  const led = leader === null ? 'no leader' : `led by ${leader}`;
  cluster.tell(
    `${id}: ${role} in t${term}, ${led}, voted for ${votedFor ?? 'nobody'}, log ${log.compacted.index}..${log.lastIndex}, durable ${log.stableIndex}, commit ${commit}, applied ${applied}`,
  );
  cluster.tell(`${id}: ${configText(config)}`);
}

function showLog(cluster: GoldenCluster, id: string): void {
  const { log } = cluster.get(id).core.state;
  for (let index = log.compacted.index + 1; index <= log.lastIndex; index++) {
    cluster.tell(entryText(log.entries(index, index + 1, 1)[0]!));
  }
}

function answer(cluster: GoldenCluster, result: string | object | null): void {
  if (typeof result === 'string') cluster.tell(`refused: ${result}`);
  else if (result !== null && 'reason' in result) {
    const { reason, detail } = result as { reason: string; detail: string };
    cluster.tell(`refused: ${reason}${detail === '' ? '' : ` ${detail}`}`);
  } else cluster.tell('ok');
}

const commands: Readonly<Record<string, Command>> = {
  members: (cluster, ids, named) => {
    cluster.addAll(ids, listOf(named.get('learners')), setupOf(named));
  },
  member: (cluster, [id], named) => cluster.add(id!, listOf(named.get('of')), setupOf(named)),
  tick: (cluster, [id, count]) => {
    const ticks = count === 'election' ? electionTicks : Number(count);
    for (let i = 0; i < ticks; i++) cluster.get(id).core.tick();
  },
  campaign: (cluster, [id]) => cluster.get(id).core.campaign(),
  lead: (cluster, [id]) => {
    cluster.get(id).core.campaign();
    cluster.stabilize(cluster.ids);
    cluster.takeLines();
    showState(cluster, id!);
  },
  propose: (cluster, [id, text = '', times = '1']) => {
    const data = new TextEncoder().encode(text.repeat(Number(times)));
    answer(cluster, cluster.get(id).core.propose(data));
  },
  change: (cluster, [id, ...words]) => {
    answer(cluster, cluster.get(id).core.changeMembership(changeOf(words), null));
  },
  transfer: (cluster, [id, target]) => {
    answer(cluster, cluster.get(id).core.transferLeadership(target!));
  },
  read: (cluster, [id, number]) => cluster.get(id).core.readIndex(Number(number)),
  unreachable: (cluster, [id, peer]) => cluster.get(id).core.reportUnreachable(peer!),
  compact: (cluster, [id, index]) => {
    cluster.get(id).core.compact(Number(index));
    void cluster.get(id).store.compact(Number(index));
  },
  snapshot: (cluster, [from, to, index]) => cluster.snapshot(from!, to!, Number(index)),
  'snapshot-report': (cluster, [id, peer, outcome]) => {
    cluster.get(id).core.reportSnapshot(peer!, outcome === 'sent');
  },
  run: (cluster, ids) => {
    for (const id of ids) cluster.run(id);
  },
  sync: (cluster, ids) => {
    for (const id of ids) cluster.sync(id);
  },
  deliver: (cluster, ids) => {
    cluster.deliver(ids.length === 0 ? cluster.ids : ids);
  },
  drop: (cluster, words, named) => {
    const kinds = listOf(named.get('kind'));
    cluster.drop(
      ({ from, to, kind }) =>
        (!named.has('from') || named.get('from') === from) &&
        (!named.has('to') || named.get('to') === to) &&
        (kinds.length === 0 || kinds.includes(kind)) &&
        words.length === 0,
    );
  },
  stabilize: (cluster, ids) => cluster.stabilize(ids.length === 0 ? cluster.ids : ids),
  status: (cluster, [id]) => showProgress(cluster, id!),
  state: (cluster, ids) => {
    for (const id of ids) showState(cluster, id);
  },
  log: (cluster, [id]) => showLog(cluster, id!),
};

/** Runs the commands of one script; the README of this folder lists them. */
export function interpreter(): (line: string) => readonly string[] {
  const cluster = new GoldenCluster();
  return (line) => {
    const [name = '', ...rest] = line.split(' ');
    const command = commands[name];
    if (command === undefined) throw new Error(`there is no command "${name}"`);
    const words = rest.filter((word) => !/^[\w-]+=[^>]/.test(word));
    const named = new Map(
      rest
        .filter((word) => !words.includes(word))
        .map((word) => word.split('=') as [string, string]),
    );
    command(cluster, words, named);
    return cluster.takeLines();
  };
}
