import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const RAFTWALLD = fileURLToPath(new URL('../../bin/raftwalld', import.meta.url));
const waitMs = { timeout: 40_000, interval: 100 };
const ip = (...args: string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' });

async function read(socketPath: string, path: string): Promise<unknown> {
  return JSON.parse(await readText(socketPath, path));
}

function readText(socketPath: string, path: string): Promise<string> {
  return send(socketPath, 'GET', path);
}

function send(socketPath: string, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve(text));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('one member alone', () => {
  const namespace = `rwd${randomBytes(3).toString('hex')}`;
  let directory: string;
  let socket: string;
  let daemon: ChildProcess;

  beforeEach(() => {
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    track();
    directory = mkdtempSync(join(tmpdir(), 'raftwalld-'));
    socket = join(directory, 'api.sock');
    writeFileSync(
      join(directory, 'config.yaml'),
      `cluster: { name: one, members: [{ id: a, address: "127.0.0.1:7650" }] }
node: { id: a, dataDir: ${directory}/data }
peers: { insecure: true }
api: { socket: ${socket} }
`,
    );
    start();
  });

  afterEach(() => {
    daemon.kill('SIGKILL');
    ip('netns', 'delete', namespace);
    rmSync(directory, { recursive: true });
  });

  function start(): void {
    const args = [
      'netns',
      'exec',
      namespace,
      RAFTWALLD,
      '--config',
      join(directory, 'config.yaml'),
    ];
    daemon = spawn('ip', args, { stdio: 'ignore' });
  }

  /** A kernel without a rule that needs it tracks nothing. */
  function track(): void {
    const rule = '-A FORWARD -m state --state ESTABLISHED -j ACCEPT';
    ip('netns', 'exec', namespace, 'iptables', '-w', ...rule.split(' '));
  }

  const status = (): Promise<unknown> => read(socket, '/v1/status').catch(() => null);

  it('V1 is ready without traffic, captures, and finds its flows again after a restart', async () => {
    await expect.poll(status, waitMs).toMatchObject({ ready: true, active: 'a', role: 'leader' });
    const add =
      '-I -p tcp -s 10.1.0.1 -d 10.2.0.2 --sport 1000 --dport 22 --state ESTABLISHED -t 500 -u SEEN_REPLY,ASSURED';
    ip('netns', 'exec', namespace, 'conntrack', ...add.split(' '));
    await expect.poll(status, waitMs).toMatchObject({ flows: 1 });
    const left = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    expect(await left).toBe(0);
    start();
    await expect.poll(status, waitMs).toMatchObject({ ready: true, active: 'a', flows: 1 });
    ip('netns', 'exec', namespace, 'conntrack', '-D', '-p', 'tcp');
    await expect.poll(status, waitMs).toMatchObject({ flows: 0 });
  });

  it('a flow that is deleted by the API is gone from kernel and table, and may come again', async () => {
    await expect.poll(status, waitMs).toMatchObject({ ready: true, active: 'a' });
    const add = (sport: number): void => {
      const flow = `-I -p tcp -s 10.1.0.1 -d 10.2.0.2 --sport ${sport} --dport 22 --state ESTABLISHED -t 500 -u SEEN_REPLY,ASSURED`;
      ip('netns', 'exec', namespace, 'conntrack', ...flow.split(' '));
    };
    add(1000);
    add(1001);
    await expect.poll(status, waitMs).toMatchObject({ flows: 2 });
    expect(JSON.parse(await send(socket, 'DELETE', '/v1/flows?sport=1000'))).toEqual({
      deleted: 1,
    });
    await expect.poll(status, waitMs).toMatchObject({ flows: 1 });
    const left = ip('netns', 'exec', namespace, 'conntrack', '-L', '-p', 'tcp');
    expect(left).toContain('sport=1001');
    expect(left).not.toContain('sport=1000');
    add(1000);
    await expect.poll(status, waitMs).toMatchObject({ flows: 2 });
  });

  it('shows what its log, its Raft member, its checkpoint and its table measure', async () => {
    await expect.poll(status, waitMs).toMatchObject({ ready: true, active: 'a' });
    const metric = async (name: string): Promise<number> => {
      const text = await readText(socket, '/metrics');
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
    };
    for (const name of [
      'raftwall_raft_applied_entries_total',
      'raftwall_raft_elections_won_total',
      'raftwall_log_append_seconds_count',
      'raftwall_log_written_bytes_total',
      'raftwall_checkpoint_batches_total',
      'raftwall_table_bytes',
      'raftwall_raft_loop_delay_seconds_count',
    ]) {
      await expect.poll(() => metric(name), waitMs).toBeGreaterThan(0);
    }
  });

  it('K15 room and hooks: is not ready, and says why, while a flushed ruleset leaves its flows untracked', async () => {
    await expect.poll(status, waitMs).toMatchObject({ ready: true, active: 'a' });
    const add =
      '-I -p udp -s 10.1.0.1 -d 10.2.0.2 --sport 1 --dport 53 -t 500 -u SEEN_REPLY,ASSURED';
    ip('netns', 'exec', namespace, 'conntrack', ...add.split(' '));
    await expect.poll(status, waitMs).toMatchObject({ flows: 1 });
    ip('netns', 'exec', namespace, 'nft', 'flush', 'ruleset');
    await expect
      .poll(status, waitMs)
      .toMatchObject({ ready: false, notReadyReason: expect.stringMatching(/tracks no IPv4/) });
    track();
    await expect.poll(status, waitMs).toMatchObject({ ready: true, notReadyReason: null });
  });
});
