import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** Who may import whom (docs/internals/architecture.md); a package that is not named here may not exist. */
const layers: Readonly<Record<string, readonly string[]>> = {
  'raft-ts': [],
  '@raftwall/netlink': [],
  '@raftwall/flow-table': [],
  '@raftwall/keepalived': [],
  '@raftwall/replicator': ['raft-ts', '@raftwall/flow-table'],
  '@raftwall/admin-api': ['@raftwall/replicator'],
  '@raftwall/dashboard': ['@raftwall/admin-api'],
  '@raftwall/daemon': [
    'raft-ts',
    '@raftwall/netlink',
    '@raftwall/flow-table',
    '@raftwall/replicator',
    '@raftwall/keepalived',
    '@raftwall/admin-api',
    '@raftwall/dashboard',
  ],
  '@raftwall/cli': ['@raftwall/admin-api', '@raftwall/daemon'],
  '@raftwall/lab': ['*'],
  bench: ['*'],
};

/** Outside things that exactly one file, or the files below one folder, may touch. */
const touches: readonly (readonly [specifier: string, place: string])[] = [
  ['koffi', 'packages/netlink/src/libc.ts'],
  ['level', 'packages/flow-table/src/checkpoint'],
  ['fastify', 'packages/admin-api/src/'],
  ['prom-client', 'packages/admin-api/src/'],
  ['pino', 'packages/daemon/src/logger.ts'],
  ['yaml', 'packages/'],
];

interface SourceFile {
  readonly path: string;
  readonly package: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function packageNames(): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const folder of readdirSync(join(root, 'packages'))) {
    const manifest = JSON.parse(
      readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'),
    );
    names.set(folder, manifest.name);
  }
  return names;
}

function sourceFiles(): readonly SourceFile[] {
  return [...packageNames()].flatMap(([folder, name]) => {
    const source = join(root, 'packages', folder, 'src');
    return readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => read(join(source, file), name));
  });
}

function read(file: string, packageName: string): SourceFile {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  const imports = [...found].map((match) => match[1] ?? '');
  return { path: relative(root, file), package: packageName, text, imports };
}

const files = sourceFiles();
const ours = new Set(packageNames().values());
const ownerOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

describe('layers', () => {
  it('every package has its place', () => {
    expect([...ours].sort()).toEqual(Object.keys(layers).sort());
  });

  it('imports go the allowed way only', () => {
    const wrong = files.flatMap((file) => {
      const allowed = layers[file.package] ?? [];
      return file.imports
        .map(ownerOf)
        .filter((owner) => ours.has(owner) && owner !== file.package)
        .filter((owner) => !allowed.includes(owner) && !allowed.includes('*'))
        .map((owner) => `${file.path} imports ${owner}`);
    });
    expect(wrong).toEqual([]);
  });

  it('the command line and the dashboard use nothing of the API but its client', () => {
    const wrong = files.filter(
      ({ package: name, imports }) =>
        ['@raftwall/cli', '@raftwall/dashboard'].includes(name) &&
        imports.some((it) => it.startsWith('@raftwall/admin-api') && !it.endsWith('/client')),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('the command line uses nothing of the daemon but its configuration', () => {
    const wrong = files.filter(
      ({ package: name, imports }) =>
        name === '@raftwall/cli' &&
        imports.some((it) => it.startsWith('@raftwall/daemon') && !it.endsWith('/config')),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('nothing imports lab or bench', () => {
    const wrong = files.filter(({ package: name, imports }) =>
      imports.some((it) => /^@raftwall\/(lab|bench)$/.test(ownerOf(it)) && ownerOf(it) !== name),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('each outside thing is touched in one place', () => {
    const wrong = files.flatMap((file) =>
      touches
        .filter(
          ([specifier, place]) => file.imports.includes(specifier) && !file.path.startsWith(place),
        )
        .filter(() => !file.path.startsWith('packages/bench/'))
        .map(([specifier]) => `${file.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('the core of raft-ts has no clock, no randomness and no I/O', () => {
    const impure =
      /\bnode:|\bDate\b|Math\.random|setTimeout|setInterval|setImmediate|\bprocess\b|\bconsole\b/;
    const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    const wrong = files.filter(
      ({ path, text }) => path.startsWith('packages/raft-ts/src/core/') && impure.test(code(text)),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('no file is a bag of helpers', () => {
    const bags = files.filter(({ path }) => /\/(utils?|helpers?|misc|common)\.ts$/.test(path));
    expect(bags.map(({ path }) => path)).toEqual([]);
  });
});
