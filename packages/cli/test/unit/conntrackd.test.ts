import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AdminApi, NodeRegistry } from '@raftwall/admin-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeNode } from '../../../admin-api/test/fixtures/fake-node.ts';

// Each command starts processes, slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const WRAPPER = fileURLToPath(new URL('../../../../deploy/conntrackd/conntrackd', import.meta.url));
const RAFTWALL = fileURLToPath(new URL('../../bin/raftwall', import.meta.url));

let directory: string;
let config: string;
let node: FakeNode;
let api: AdminApi;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftwall-conntrackd-'));
  config = join(directory, 'conntrackd.conf');
  const socket = join(directory, 's');
  await writeFile(`${config}.raftwall`, `RAFTWALL_SOCKET=${socket}\nRAFTWALL_CONFIG=/none.yaml\n`);
  const nobody = join(directory, 'nobody');
  await writeFile(join(directory, 'other.conf.raftwall'), `RAFTWALL_SOCKET=${nobody}\n`);
  node = new FakeNode();
  api = new AdminApi(
    { socket, listen: null, tls: null, tokensFile: null, dashboardFiles: {} },
    { node, registry: new NodeRegistry().registry, config: {}, logger: null },
  );
  await api.start();
});

afterAll(async () => {
  await api.stop();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  node.reconciles.length = 0;
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Ended> {
  const child = spawn(WRAPPER, args, { cwd: '/', env: { ...process.env, RAFTWALL } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const conntrackd = (...args: string[]) => run('-C', config, ...args);
/** Where no daemon is. */
const nowhere = (...args: string[]) => run('-C', join(directory, 'other.conf'), ...args);

describe('a notify script such as primary-backup.sh', () => {
  it('becomes primary: -c, -f, -R, -B succeed and print nothing', async () => {
    for (const verb of ['-c', '-f', '-R', '-B']) {
      expect(await conntrackd(verb)).toMatchObject({ code: 0, stdout: '' });
    }
    expect(node.reconciles).toHaveLength(3);
  });

  it('becomes backup: -s, -t, -n succeed', async () => {
    expect(await conntrackd('-s')).toMatchObject({ code: 0, stderr: '' });
    for (const verb of ['-t', '-n']) {
      expect(await conntrackd(verb)).toMatchObject({ code: 0, stdout: '' });
    }
  });

  it('learns by exactly 1 that no daemon runs', async () => {
    for (const verb of ['-s', '-c', '-t', '-n', '-f', '-R', '-B', '-i', '-k']) {
      const { code, stderr } = await nowhere(verb);
      expect({ verb, code }).toEqual({ verb, code: 1 });
      expect(stderr).toContain("[ERROR] can't connect: is conntrackd running?");
    }
  });
});

describe("VyOS's op-mode", () => {
  it('gets a <flow> a line with at least two <meta>, from -i ct -x and -e ct -x', async () => {
    for (const [verb, source] of [
      ['-i', '192.168.0.2'],
      ['-e', '192.168.0.2'],
    ] as const) {
      const { code, stdout } = await conntrackd(verb, 'ct', '-x');
      expect(code).toBe(0);
      const lines = stdout.trimEnd().split('\n');
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^<flow>.*<\/flow>$/);
      expect(lines[0]?.match(/<meta /g)?.length).toBeGreaterThanOrEqual(2);
      expect(lines[0]).toContain(`<src>${source}</src>`);
    }
  });

  it('-f internal, -f external, -s exp and lists of expectations succeed', async () => {
    for (const args of [
      ['-f', 'internal'],
      ['-f', 'external'],
      ['-s', 'exp'],
      ['-i', 'expect', '-x'],
    ]) {
      expect(await conntrackd(...args)).toMatchObject({ code: 0 });
    }
  });
});

describe('the command line', () => {
  it('every topic of -s that sosreport asks for succeeds', async () => {
    for (const topic of [
      'network',
      'cache',
      'runtime',
      'link',
      'rsqueue',
      'queue',
      'ct',
      'expect',
      'process',
    ]) {
      expect({ topic, ...(await conntrackd('-s', topic)) }).toMatchObject({ topic, code: 0 });
    }
  });

  it('unknown parameters fail with 1, unknown options help and exit 0', async () => {
    expect(await conntrackd('-s', 'bogus')).toMatchObject({ code: 1, stdout: '' });
    expect(await conntrackd('-f', 'bogus')).toMatchObject({ code: 1 });
    const { code, stdout, stderr } = await conntrackd('-z');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '[ERROR] Unknown option: -z\n' });
    expect(stdout).toContain('Usage: conntrackd');
  });

  it('takes options in any order, and of two commands the last one', async () => {
    expect(await run('-s', 'queue', '-C', config)).toMatchObject({ code: 0 });
    const { stdout } = await conntrackd('-s', '-i');
    expect(stdout).toContain('src=192.168.0.2');
    expect(stdout).not.toContain('replicated table');
  });

  it('-F is refused, and -d without a configuration fails with 1', async () => {
    expect(await conntrackd('-F')).toMatchObject({ code: 1 });
    const { code, stderr } = await conntrackd('-d');
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("can't open config file"),
    });
  });
});
