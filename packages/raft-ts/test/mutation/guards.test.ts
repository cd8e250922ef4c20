import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Guard, guards } from './guards.ts';
import { Sandbox } from './sandbox.ts';

interface Run {
  readonly failed: readonly string[];
  readonly passed: number;
}

function testOf(bug: number): string {
  return `test/bugs/b${String(bug).padStart(2, '0')}.test.ts`;
}

describe('removal of a guard is caught', { timeout: 60_000 }, () => {
  const sandbox = new Sandbox();
  const table: string[] = [];
  const bugs = [...new Set(guards.map(({ bug }) => bug))];
  const whole = new Map<number, Run>();

  function run(bug: number): Run {
    const program = sandbox.pathOf('test/mutation/run-files.ts');
    const options = { encoding: 'utf8', timeout: 10_000 } as const;
    const ended = spawnSync(process.execPath, [program, sandbox.pathOf(testOf(bug))], options);
    const lines = ended.stdout.split('\n').filter((line) => line.startsWith('{'));
    const results = lines.map((line) => JSON.parse(line) as { name?: string; passed?: number });
    const summary = results.find(({ passed }) => passed !== undefined);
    const failed = results.flatMap(({ name }) => (name === undefined ? [] : [name]));
    // It hung, or broke down before it could say anything.
    if (summary === undefined) failed.push(`${ended.error?.message ?? ended.stderr.trim()}`);
    return { failed, passed: summary?.passed ?? 0 };
  }

  function without({ edits }: Guard): void {
    const texts = new Map<string, string>();
    for (const { file, find, replace } of edits) {
      const text = texts.get(file) ?? sandbox.original(file);
      expect(text.split(find).length - 1, `"${find}" in ${file}`).toBe(1);
      texts.set(
        file,
        text.replace(find, () => replace),
      );
    }
    for (const [file, text] of texts) sandbox.write(file, text);
  }

  beforeAll(() => {
    for (const bug of bugs) whole.set(bug, run(bug));
  }, 120_000);

  afterAll(() => {
    sandbox.remove();
    console.log(['bug  guard that was removed, and what fails then', ...table].join('\n'));
  });

  it.each(bugs.map((bug) => ({ bug })))('B$bug passes while nothing is removed', ({ bug }) => {
    expect(whole.get(bug)?.failed).toEqual([]);
    expect(whole.get(bug)?.passed).toBeGreaterThan(0);
  });

  it.each(guards)('B$bug fails without: $guard', (guard) => {
    without(guard);
    const { failed } = run(guard.bug);
    for (const { file } of guard.edits) sandbox.restore(file);
    table.push(`B${String(guard.bug).padEnd(3)} ${guard.guard}: ${failed[0] ?? 'NOTHING'}`);
    expect(failed).not.toEqual([]);
  });
});
