import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

// Processes and schema compilers start slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const BIN = fileURLToPath(new URL('../../bin/raftwalld', import.meta.url));
const FAKE = fileURLToPath(new URL('../fixtures/raftwalld-with-fake-node.js', import.meta.url));

let directory = '';
let valid = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftwalld-test-'));
  valid = join(directory, 'valid.yaml');
  await writeFile(
    valid,
    `cluster: { name: c, members: [{ id: a, address: "10.0.0.1:7650" }, { id: b, address: "10.0.0.2:7650" }] }
node: { id: a }
peers: { insecure: true }
`,
  );
});

afterAll(() => rm(directory, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function collect(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const raftwalld = (...args: string[]) => collect(spawn(BIN, args, { cwd: '/' }));

function startFake(behaviour: string): ChildProcess {
  const env = { ...process.env, FAKE_NODE: behaviour, NOTIFY_SOCKET: '' };
  return spawn(process.execPath, [FAKE, '--config', valid], { env });
}

/** Resolves when the process has written a log line with this message. */
function logged(child: ChildProcess, message: string): Promise<void> {
  return new Promise((resolve) => {
    if (child.stderr === null) throw new TypeError('stderr is piped');
    createInterface(child.stderr).on('line', (line) => {
      if (line.includes(message)) resolve();
    });
  });
}

describe('raftwalld as a program', () => {
  it('validates a configuration with --check and warns on stderr', async () => {
    const { code, stdout, stderr } = await raftwalld('--check', '--config', valid);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${valid}: valid\n` });
    expect(stderr).toMatch(/^warning: cluster.members has two voters/);
  });

  it('exits 78 with one line per fault on stderr, checking or not', async () => {
    const file = join(directory, 'faulty.yaml');
    await writeFile(
      file,
      'cluster: { name: c, members: [] }\nnode: { id: a, datadir: /x }\npeers: {}\n',
    );
    for (const args of [
      ['--check', '--config', file],
      ['--config', file],
    ]) {
      const { code, stdout, stderr } = await raftwalld(...args);
      expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
      expect(stderr.trimEnd().split('\n')).toEqual([
        expect.stringMatching(/^cluster\.members: has 0 entries; allowed: 1 to 64 entries/),
        expect.stringMatching(/^node\.datadir: is not a known key, did you mean dataDir\?/),
        expect.stringMatching(/^peers: says neither/),
      ]);
    }
  });

  it('exits 64 for wrong arguments and 0 for --help and --version', async () => {
    expect((await raftwalld('--bogus')).code).toBe(64);
    expect(await raftwalld('--version')).toMatchObject({ code: 0, stdout: '0.1.0\n' });
    expect((await raftwalld('--help')).code).toBe(0);
  });
});

describe('raftwalld with a node', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'V4 leaves in order and exits 0 on %s',
    async (signal) => {
      const child = startFake('well');
      const end = collect(child);
      await logged(child, 'The node is up');
      child.kill(signal);
      const { code, stderr } = await end;
      expect(code).toBe(0);
      const messages = stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).msg);
      expect(messages.slice(-3)).toEqual([
        'Leaving in order',
        'fake node stops',
        'The node has left',
      ]);
    },
  );

  it('leaves in order and exits 74 after a storage failure', async () => {
    const { code, stderr } = await collect(startFake('storage'));
    expect(code).toBe(74);
    expect(stderr).toContain('fsync failed');
    expect(stderr).toContain('fake node stops');
  });

  it('leaves in order and exits 70 after a failure that a restart may mend', async () => {
    const { code, stderr } = await collect(startFake('kernel'));
    expect(code).toBe(70);
    expect(stderr).toContain('the listener has stopped');
    expect(stderr).toContain('fake node stops');
  });

  it.each([
    ['no-start', 'The peer port is taken'],
    ['rejection', 'nobody caught me'],
    ['exception', 'nobody caught me'],
  ])('logs what was unforeseen and exits 70: %s', async (behaviour, message) => {
    const { code, stderr } = await collect(startFake(behaviour));
    expect(code).toBe(70);
    const fatal = stderr.split('\n').find((line) => line.includes('"level":60'));
    expect(fatal).toContain(message);
  });

  it('does not wait for the order after a second signal', async () => {
    const child = startFake('stuck');
    const end = collect(child);
    await logged(child, 'The node is up');
    child.kill('SIGTERM');
    await logged(child, 'fake node stops');
    child.kill('SIGTERM');
    expect((await end).code).toBe(70);
  });
});

describe('raftwalld with a configuration beyond this version', () => {
  it('validates it, but refuses to run it with one line for each key', async () => {
    const file = join(directory, 'beyond.yaml');
    await writeFile(
      file,
      `cluster: { name: c, members: [{ id: a, address: "10.0.0.1:7650" }], virtualAddresses: ["10.1.0.1"] }
node: { id: a }
peers: { insecure: true }
vrrp:
  mode: strict
  groups:
    - { name: a, instance: { group: G1 }, trackFile: /a, select: { zones: [1] } }
    - { name: b, instance: { group: G2 }, trackFile: /b, select: { zones: [2] } }
`,
    );
    expect((await raftwalld('--check', '--config', file)).code).toBe(0);
    const { code, stderr } = await raftwalld('--config', file);
    expect(code).toBe(78);
    expect(stderr).toMatch(/^vrrp\.mode: this version does not support it yet; .+$/m);
  });
});
