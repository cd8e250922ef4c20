import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
// A program of its own each, on machines that may be busy.
const timeoutMs = 120_000;

function run(...words: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('npm', words, { cwd: root, encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

it(
  'is packed so that every way of importing it finds code and types (publint, attw)',
  () => {
    const { status, text } = run('run', '--silent', 'check:package');
    expect(text).toContain('All good!');
    expect(status, text).toBe(0);
  },
  timeoutMs,
);

it(
  'has API documentation of every exported name, without a broken link (typedoc)',
  () => {
    const { status, text } = run('run', '--silent', 'check:docs');
    expect(status, text).toBe(0);
  },
  timeoutMs,
);

it('packs the licence, the code, its sources and the documentation, and nothing else', () => {
  const { status, text } = run('pack', '--dry-run', '--json');
  expect(status, text).toBe(0);
  const [{ files }] = JSON.parse(text) as [{ files: readonly { path: string }[] }];
  const paths = files.map((file) => file.path);
  expect(paths).toEqual(
    expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/index.js']),
  );
  expect(paths).toEqual(expect.arrayContaining(['dist/index.d.ts', 'src/index.ts']));
  const known =
    /^(LICENSE|README\.md|package\.json|(dist|src|docs|examples)\/.+\.(js|ts|map|md|json))$/;
  expect(paths.filter((file) => !known.test(file))).toEqual([]);
});

it('depends on msgpackr alone', () => {
  const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  expect(Object.keys(dependencies)).toEqual(['msgpackr']);
});
