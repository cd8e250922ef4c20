import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sweepOrphans } from '../../src/index.ts';

const LAB = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const SCRIPT = `
  const { NamespaceSet } = await import(${JSON.stringify(LAB)});
  const set = new NamespaceSet();
  const machine = await set.create('x');
  machine.spawn('sleep', ['1000'], { stdio: 'ignore' });
  console.log(machine.name);
  if (process.argv[1] === 'fail') throw new Error('on purpose');
  setInterval(() => {}, 1000);
`;

/** Runs a process with one namespace to its end. @returns the namespace's name */
async function runUntil(end: NodeJS.Signals | 'fail'): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, end], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const exit = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
  if (end !== 'fail') child.kill(end);
  await exit;
  return chunk.toString().trim();
}

function exists(name: string): boolean {
  return readdirSync('/run/netns').includes(name);
}

it.each(['SIGINT', 'SIGTERM', 'fail'] as const)(
  'removes its namespaces when it ends by %s',
  async (end) => {
    const name = await runUntil(end);
    expect(name).toMatch(/^rw[0-9a-f]{4}-x$/);
    expect(exists(name)).toBe(false);
  },
);

it('sweeps what a killed run left behind, and nothing of a living one', async () => {
  const orphan = await runUntil('SIGKILL');
  expect(exists(orphan)).toBe(true);
  const living = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, 'stay'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const name = ((await once(living.stdout, 'data')) as [Buffer])[0].toString().trim();
  sweepOrphans();
  expect([exists(orphan), exists(name)]).toEqual([false, true]);
  const gone = once(living, 'exit');
  living.kill('SIGTERM');
  await gone;
  expect(exists(name)).toBe(false);
});
