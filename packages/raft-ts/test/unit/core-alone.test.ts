import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');

/** Refuses what the library imports, except its own files. */
const hooks = `
  export function resolve(specifier, context, next) {
    const isLibrary = context.parentURL?.includes('/dist/');
    if (!isLibrary || specifier.startsWith('.')) return next(specifier, context);
    throw new Error(context.parentURL + ' imports ' + specifier);
  }`;

/** A group of one: elects itself, commits and applies an entry, over an array for a log. */
const program = `
  import { EntryType, initialConfig, RaftCore } from 'raft-ts/core';
  const log = [];
  const options = {
    id: 'a', heartbeatTicks: 1, electionTicksMin: 3, electionTicksMax: 6, preVote: true, checkQuorum: true,
    appendBytesMax: 1000, inflightMessagesMax: 10, inflightBytesMax: 1000, entryBytesMax: 1000,
    uncommittedBytesMax: 1000, applyBytesMax: 1000, tailBytesMax: 1000,
  };
  const reader = {
    term: (index) => (index === 0 ? 0 : log[index - 1]?.term),
    entries: (from, to) => log.slice(from - 1, to - 1),
  };
  const restored = {
    hardState: { term: 0, votedFor: null }, compacted: { index: 0, term: 0 }, lastIndex: 0, tornLog: false,
    appliedIndex: 0, config: initialConfig({ a: 'a:1' }), isConfigApplied: false,
  };
  const core = new RaftCore(options, { log: reader, random: () => 0.5 }, restored);
  const applied = [];
  let role = 'follower';
  function run() {
    while (core.hasReady()) {
      const { append, apply, softState } = core.ready();
      role = softState?.role ?? role;
      if (append !== null) {
        log.push(...append.entries);
        core.appendDone(append.id);
      }
      if (apply.length === 0) continue;
      applied.push(...apply.filter(({ type }) => type === EntryType.normal));
      core.applied(apply.at(-1).index);
    }
  }
  for (let ticks = 0; role !== 'leader' && ticks < 20; ticks++) {
    core.tick();
    run();
  }
  core.propose(Uint8Array.of(7));
  run();
  process.stdout.write(role + ' ' + applied.map(({ index, data }) => index + ':' + data).join());`;

function runHooked(text: string): ReturnType<typeof spawnSync> {
  const url = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(url(hooks))});`;
  const words = ['--import', url(register), '--input-type=module', '--eval', text];
  return spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
}

it('raft-ts/core runs alone, without any module of Node or of npm', () => {
  const { status, stdout, stderr } = runHooked(program);
  expect(stderr).toBe('');
  expect(stdout).toBe('leader 2:7');
  expect(status).toBe(0);
  // The whole library needs some, and this is how that shows.
  expect(runHooked("import 'raft-ts';").stderr).toMatch(/imports (node:|msgpackr)/);
});
