import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { type Mutant, Mutator } from './mutants.ts';
import { Sandbox, testFiles } from './sandbox.ts';
import { reasons } from './survivors.ts';
import type { Order, Report } from './worker.ts';

const workers = 2;
/** A mutant that takes longer than this has hung in a way that the count of steps does not see. */
const attemptMsMax = 60_000;
/** Only these files of the core, by their names and parted by commas: a quick look, which writes and demands nothing. */
const only = process.env['RAFT_MUTATION_FILES']?.split(',');
const document = fileURLToPath(new URL('../../docs/mutation.md', import.meta.url));
/** Tests of the driver, of a built package, and the random walks, which take long and rarely see what no other test does. */
const notHere = /unit\/(?!core-)|core-alone|b(10|20|21|22|24|28|35)\.test|figure-3/;
const noCode = ['index.ts', 'message.ts', 'ready.ts', 'types.ts'];

function mutate(sandbox: Sandbox): Mutant[] {
  const folder = fileURLToPath(new URL('../../src/core', import.meta.url));
  const all: Mutant[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (noCode.includes(name) || (only !== undefined && !only.includes(name))) continue;
    const file = `src/core/${name}`;
    const { text, mutants } = new Mutator(name, sandbox.original(file), all.length + 1).run();
    sandbox.write(file, text);
    all.push(...mutants);
  }
  return all;
}

/** Sends an order and resolves with the answer, or with null when there is none in time. */
function ask(worker: ChildProcess, order: Order, withinMs: number): Promise<Report | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(null), withinMs);
    const settle = (report: Report | null): void => {
      clearTimeout(timer);
      worker.off('message', settle);
      worker.off('exit', onExit);
      resolve(report);
    };
    const onExit = (): void => settle(null);
    worker.on('message', settle);
    worker.on('exit', onExit);
    worker.send(order);
  });
}

async function start(sandbox: Sandbox, files: readonly string[]) {
  const worker = fork(sandbox.pathOf('test/mutation/worker.ts'));
  const loaded = await ask(worker, { kind: 'load', files }, 300_000);
  if (loaded?.kind !== 'loaded') throw new Error('the tests could not be loaded');
  return { worker, loaded };
}

interface Outcome {
  readonly mutant: Mutant;
  readonly state: 'killed' | 'survived' | 'not reached';
}

/** One worker takes mutants from the queue until it is empty; one that hangs is replaced. */
async function work(
  sandbox: Sandbox,
  files: readonly string[],
  queue: Mutant[],
  outcomes: Outcome[],
): Promise<number> {
  let { worker, loaded } = await start(sandbox, files);
  expect(loaded.failed).toEqual([]);
  const reached = new Set(loaded.reached);
  const { tests } = loaded;
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    if (!reached.has(mutant.id)) {
      outcomes.push({ mutant, state: 'not reached' });
      continue;
    }
    const report = await ask(worker, { kind: 'try', id: mutant.id }, attemptMsMax);
    const isAlive = report?.kind === 'tried' && report.killer === null;
    outcomes.push({ mutant, state: isAlive ? 'survived' : 'killed' });
    if (report !== null) continue;
    worker.kill('SIGKILL');
    ({ worker, loaded } = await start(sandbox, files));
  }
  worker.kill();
  return tests;
}

function tableOf(outcomes: readonly Outcome[]): string[] {
  const files = [...new Set(outcomes.map(({ mutant }) => mutant.file))].sort();
  const rowOf = (name: string, of: readonly Outcome[]): string => {
    const killed = of.filter(({ state }) => state === 'killed').length;
    const percent = ((100 * killed) / of.length).toFixed(1);
    return `| ${name} | ${of.length} | ${killed} | ${of.length - killed} | ${percent} % |`;
  };
  return [
    '| file | mutants | killed | survived | killed |',
    '|---|---|---|---|---|',
    ...files.map((file) =>
      rowOf(
        `\`${file}\``,
        outcomes.filter((it) => it.mutant.file === file),
      ),
    ),
    rowOf('all', outcomes),
  ];
}

function documentOf(outcomes: readonly Outcome[], tests: number): string {
  const alive = outcomes.filter(({ state }) => state !== 'killed').map(({ mutant }) => mutant);
  alive.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  return [
    '# Mutation testing of the core',
    '',
    'Written by `npm run mutate -w raft-ts`; the reasons stand in `test/mutation/survivors.ts`. Each mutant is one small change of',
    `\`src/core\`: another comparison, another operator, a condition that is always true or false, a number one higher, a statement`,
    `left out. ${tests} tests run against each; a mutant is killed when one of them fails. Assertions are not changed, since they`,
    'never fail in a right core. A survivor without a reason, or a reason without its survivor, makes the command fail.',
    '',
    ...tableOf(outcomes),
    '',
    '## Survivors',
    '',
    ...alive.map(
      ({ key }) => `- \`${key.replaceAll('`', "'")}\`: ${reasons[key] ?? '**NOT EXPLAINED**'}`,
    ),
    '',
  ].join('\n');
}

it('every change of the core is noticed, or it is known why not', async () => {
  const sandbox = new Sandbox();
  try {
    const queue = mutate(sandbox);
    const files = testFiles('test/paper', 'test/golden', 'test/bugs', 'test/unit')
      .filter((file) => !notHere.test(file))
      .map((file) => sandbox.pathOf(file));
    const outcomes: Outcome[] = [];
    const tests = await Promise.all(
      Array.from({ length: workers }, () => work(sandbox, files, queue, outcomes)),
    );
    const alive = outcomes.filter(({ state }) => state !== 'killed');
    const explained = new Set(Object.keys(reasons));
    const unexplained = alive.filter(({ mutant }) => !explained.has(mutant.key));
    for (const { mutant, state } of unexplained) {
      console.log(`${mutant.file}:${mutant.line} ${state}\n  ${mutant.key}`);
    }
    console.log(tableOf(outcomes).join('\n'));
    if (only !== undefined) return;
    writeFileSync(document, documentOf(outcomes, tests[0]!));
    const aliveKeys = new Set(alive.map(({ mutant }) => mutant.key));
    expect(unexplained.map(({ mutant }) => mutant.key)).toEqual([]);
    expect([...explained].filter((key) => !aliveKeys.has(key))).toEqual([]);
  } finally {
    sandbox.remove();
  }
});
