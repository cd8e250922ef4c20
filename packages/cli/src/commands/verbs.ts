import type { CommandContext, Run } from '../context.ts';
import { CommandError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { flowLine } from '../output/flow-line.ts';
import { flowXml } from '../output/flow-xml.ts';
import { STATISTICS, statisticsText } from '../output/statistics.ts';
import { jsonText } from '../output/table.ts';
import { printFlows } from './flows.ts';

/** conntrackd's verbs as the command line gives them: `true` for one without its optional parameter. */
export interface VerbOptions {
  readonly i?: string | true;
  readonly e?: string | true;
  readonly x?: true;
  readonly c?: string | true;
  readonly f?: string | true;
  readonly F?: string | true;
  readonly R?: string | true;
  readonly B?: true;
  readonly n?: true;
  readonly t?: true;
  readonly s?: string | true;
  readonly k?: true;
}

type Verb = keyof VerbOptions;

const CONNTRACK = ['ct'];
const EXPECTATIONS = ['exp', 'expect'];
const TABLES = [...CONNTRACK, ...EXPECTATIONS];

/** What each verb does; the parameter is '' where none was given. */
const VERBS: Readonly<Record<Exclude<Verb, 'x'>, (parameter: string, xml: boolean) => Run>> = {
  i: (table, xml) => list('i', 'local', { table, xml }),
  e: (table, xml) => list('e', 'remote', { table, xml }),
  c: (table) => reconcile('c', table),
  R: (table) => reconcile('R', table),
  B: () => reconcile('B', ''),
  n: () => reconcile('n', ''),
  f: (cache) => {
    checkParameter('f', cache, ['internal', 'external']);
    return nothing('there are no caches to flush: the replicated table is the only one');
  },
  t: () => nothing('no purge is needed: standbys follow the replicated table'),
  s: statistics,
  F: () => refusal('-F is not supported yet; nothing was flushed'),
  k: () =>
    refusal('-k is not supported yet; stop the service, for instance by systemctl stop raftwalld'),
};

/**
 * The run of conntrackd's verbs; of several the last one counts, as in conntrackd.
 * @param given In the order of the command line.
 * @throws {CommandError} If a parameter is not one that the verb takes.
 */
export function runVerb(options: VerbOptions, given: readonly string[]): Run {
  const isVerb = (name: string): name is keyof typeof VERBS => Object.hasOwn(VERBS, name);
  const verb = given.filter(isVerb).at(-1);
  if (verb === undefined) throw new CommandError('-x belongs to -i or -e');
  const parameter = options[verb];
  return VERBS[verb](typeof parameter === 'string' ? parameter : '', options.x === true);
}

function list(
  verb: Verb,
  origin: 'local' | 'remote',
  { table, xml }: { table: string; xml: boolean },
): Run {
  checkParameter(verb, table, TABLES);
  return async (context) => {
    // Expectations are not replicated yet; conntrackd lists none then, too.
    if (EXPECTATIONS.includes(table)) return EXIT.done;
    const line = xml ? flowXml : undefined;
    const json = context.json ? JSON.stringify : undefined;
    const text = line ?? json ?? ((flow) => flowLine(flow, { remainingTime: false }));
    await printFlows(context, { origin, consistency: 'local' }, (flow) => text(flow));
    return EXIT.done;
  };
}

function reconcile(verb: Verb, table: string): Run {
  checkParameter(verb, table, TABLES);
  return async ({ client, terminal, json }: CommandContext) => {
    const done = await client.reconcile(`raftwall -${verb}`);
    if (json) await terminal.out(jsonText(done));
    return EXIT.done;
  };
}

function statistics(parameter: string): Run {
  // What sosreport asks of conntrackd has its counterpart in the queues.
  const name = parameter === 'rsqueue' ? 'queue' : parameter === 'exp' ? 'expect' : parameter;
  const topic = STATISTICS.find((known) => known === (name === '' ? 'ct' : name));
  if (topic === undefined) throw unknownParameter('s', parameter, STATISTICS);
  return async ({ client, terminal, json }) => {
    const status = await client.status();
    await terminal.out(json ? jsonText(status) : statisticsText(status, topic));
    return EXIT.done;
  };
}

function nothing(why: string): Run {
  return async ({ client, terminal }) => {
    // A runbook that does not reach the daemon must notice, even where there is nothing to do.
    await client.readiness();
    terminal.err(`raftwall: nothing was changed, ${why}\n`);
    return EXIT.done;
  };
}

function refusal(why: string): Run {
  return () => Promise.reject(new CommandError(why));
}

function checkParameter(verb: Verb, parameter: string, allowed: readonly string[]): void {
  if (parameter === '' || allowed.includes(parameter)) return;
  throw unknownParameter(verb, parameter, allowed);
}

function unknownParameter(verb: Verb, parameter: string, allowed: readonly string[]): CommandError {
  return new CommandError(
    `unknown parameter \`${parameter}' for option \`-${verb}'; known are ${allowed.join(', ')}`,
  );
}
