import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { expectLinearizable } from './expect-linearizable.ts';
import { KvCluster } from './kv-cluster.ts';
import { KvWorkload } from './kv-workload.ts';

const root = path.join(import.meta.dirname, '..', '..');
const timeoutMs = 60_000;

describe('three processes of the key-value example', () => {
  let cluster: KvCluster;

  beforeAll(async () => {
    cluster = await KvCluster.start();
  }, timeoutMs);
  afterAll(() => cluster.close());

  /** Status of what comes back for these bytes. */
  async function rawStatus(id: string, bytes: string): Promise<number> {
    const socket = net.connect(cluster.httpPort(id), '127.0.0.1');
    socket.write(bytes);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return Number(/^HTTP\/1.1 (\d+)/.exec(`${chunk}`)?.[1]);
  }

  const cas = (expected: string | null, value: string): string =>
    JSON.stringify({ expect: expected, value });

  it('put, get and compare-and-set on the leader, and say who it is elsewhere', async () => {
    const leader = await cluster.leader();
    const request = cluster.request.bind(cluster);
    expect((await request(leader, 'GET', '/kv/a')).status).toBe(404);
    expect((await request(leader, 'POST', '/kv/a/cas', cas(null, 'one'))).status).toBe(200);
    expect((await request(leader, 'POST', '/kv/a/cas', cas(null, 'two'))).status).toBe(409);
    expect((await request(leader, 'POST', '/kv/a/cas', cas('one', 'Zwei ✓'))).status).toBe(200);
    expect((await request(leader, 'PUT', '/kv/with%2Fslash', '')).status).toBe(200);

    for (const id of cluster.ids) {
      // A question that got lost on its way to the leader is asked again.
      expect(await cluster.read(id, 'a')).toEqual({ status: 200, body: 'Zwei ✓' });
      expect(await cluster.read(id, 'with%2Fslash')).toEqual({ status: 200, body: '' });
      if (id === leader) continue;
      for (const [method, url] of [['PUT', '/kv/a'] as const, ['POST', '/kv/a/cas'] as const]) {
        const { status, body } = await request(id, method, url, cas(null, 'three'));
        expect(status).toBe(421);
        expect(JSON.parse(body)).toEqual({ leader, outcome: 'none' });
      }
    }
  });

  it('refuse what they cannot understand', async () => {
    const leader = await cluster.leader();
    const statusOf = async (method: string, url: string, body?: string | Buffer) =>
      (await cluster.request(leader, method, url, body)).status;
    expect(await statusOf('GET', '/')).toBe(404);
    expect(await statusOf('DELETE', '/kv/bad')).toBe(404);
    expect(await statusOf('GET', '/kv/%ff')).toBe(400);
    expect(await statusOf('PUT', '/kv/bad', Buffer.from([0xff]))).toBe(400);
    expect(await statusOf('PUT', '/kv/bad', 'x'.repeat(256 * 1024 + 1))).toBe(413);
    expect(await statusOf('PUT', '/kv/bad', 'x'.repeat(64 * 1024 * 1024))).toBe(413);
    expect(await statusOf('POST', '/kv/bad/cas', 'x'.repeat(64 * 1024 * 1024))).toBe(413);
    expect(await statusOf('GET', `/kv/${'x'.repeat(100_000)}`)).toBe(431);
    expect(await rawStatus(leader, 'nonsense\r\n\r\n')).toBe(400);
    // A client that never ends its request is not waited for.
    expect(
      await rawStatus(leader, 'PUT /kv/bad HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx'),
    ).toBe(408);
    expect(await statusOf('POST', '/kv/bad/cas', '{')).toBe(400);
    expect(await statusOf('POST', '/kv/bad/cas', 'null')).toBe(400);
    expect(await statusOf('POST', '/kv/bad/cas', '{"value":"x"}')).toBe(400);
    expect(await statusOf('POST', '/kv/bad/cas', '{"expect":1,"value":"x"}')).toBe(400);
    expect(await statusOf('POST', '/kv/bad/cas', '{"expect":null,"value":"\\ud800"}')).toBe(400);
    expect(await statusOf('GET', '/kv/bad')).toBe(404);
    expect(await statusOf('PUT', '/kv/bad', '\0'.repeat(256 * 1024))).toBe(200);
  });

  it(
    'keep what was acknowledged when the leader is killed, and when all are',
    async () => {
      const keys = Array.from({ length: 50 }, (_, i) => `kept-${i}`);
      await Promise.all(keys.map((key) => cluster.ask('PUT', `/kv/${key}`, `${key}'s value`)));
      const readAll = () =>
        Promise.all(keys.map(async (key) => (await cluster.ask('GET', `/kv/${key}`)).body));
      const written = keys.map((key) => `${key}'s value`);

      const leader = await cluster.leader();
      await cluster.end(leader, 'SIGKILL');
      expect(await readAll()).toEqual(written);
      await cluster.ask('PUT', '/kv/after', 'the leader died');
      await cluster.startMember(leader);
      await cluster.leader();
      expect(await cluster.request(leader, 'GET', '/kv/after')).toEqual({
        status: 200,
        body: 'the leader died',
      });

      await Promise.all(cluster.ids.map((id) => cluster.end(id, 'SIGKILL')));
      await Promise.all(cluster.ids.map((id) => cluster.startMember(id)));
      expect(await readAll()).toEqual(written);
    },
    timeoutMs,
  );

  it(
    'never answer a stale value from a leader that was frozen and deposed',
    async () => {
      await cluster.ask('PUT', '/kv/frozen', 'old');
      const frozen = await cluster.leader();
      const others = cluster.ids.filter((id) => id !== frozen);
      cluster.pause(frozen);
      const asked = Promise.all(
        Array.from({ length: 20 }, () => cluster.request(frozen, 'GET', '/kv/frozen')),
      );
      const successor = await cluster.leader(others);
      expect((await cluster.request(successor, 'PUT', '/kv/frozen', 'new')).status).toBe(200);
      cluster.resume(frozen);
      for (const { status, body } of await asked) {
        if (status === 200) expect(body).toBe('new');
        else expect([421, 503]).toContain(status);
      }
    },
    timeoutMs,
  );

  it(
    'say unknown of a write that the majority was lost for, and none of what comes after',
    async () => {
      await cluster.ask('PUT', '/kv/lonely', 'before');
      const leader = await cluster.leader();
      const others = cluster.ids.filter((id) => id !== leader);
      for (const id of others) cluster.pause(id);
      const { status, body } = await cluster.request(leader, 'PUT', '/kv/lonely', 'perhaps');
      expect(status).toBe(503);
      expect(JSON.parse(body)).toEqual({ outcome: 'unknown' });
      for (const [method, value] of [['GET'], ['PUT', 'never']] as const) {
        const reply = await cluster.request(leader, method, '/kv/lonely', value);
        expect(reply.status).toBe(421);
        expect(JSON.parse(reply.body)).toEqual({ leader: null, outcome: 'none' });
      }
      for (const id of others) cluster.resume(id);
      const found = (await cluster.ask('GET', '/kv/lonely')).body;
      expect(['before', 'perhaps']).toContain(found);
      expect((await cluster.ask('GET', '/kv/lonely')).body).toBe(found);
      await cluster.leader();
    },
    timeoutMs,
  );

  it('hand leadership over and exit 0 on SIGTERM', async () => {
    const leader = await cluster.leader();
    const before = cluster.output.length;
    expect(await cluster.end(leader, 'SIGTERM')).toBe(0);
    const successor = await cluster.leader(cluster.ids.filter((id) => id !== leader));
    expect(cluster.output.slice(before)).toContain(`${leader}: leader is ${successor}, term`);
    await cluster.startMember(leader);
  });

  it(
    'stay linearizable while the leader is killed twice',
    async () => {
      const workload = new KvWorkload(cluster, new Random(1));
      const clients = ['a', 'b', 'c'].map((name) => workload.runClient(name));
      for (let round = 0; round < 2; round++) {
        await workload.answered(150, timeoutMs);
        const leader = await cluster.leader();
        await cluster.end(leader, 'SIGKILL');
        await cluster.leader(cluster.ids.filter((id) => id !== leader));
        await cluster.startMember(leader);
      }
      await workload.answered(150, timeoutMs);
      workload.end();
      await Promise.all(clients);
      await cluster.leader();
      await workload.readAll();

      const operations = [...workload.histories.values()].flat().map(({ operation }) => operation);
      const written = operations.filter(
        (operation) => operation.type === 'cas' && operation.written,
      );
      expect(written.length).toBeGreaterThan(5);
      expectLinearizable(workload.histories);
    },
    timeoutMs,
  );
});

describe('the key-value example', () => {
  const main = path.join(root, 'examples', 'kv', 'main.js');
  const run = (...words: readonly string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [main, ...words], { cwd: '/', encoding: 'utf8' });

  it('names the option that is wrong, explains all, and exits 2', () => {
    const peers = '1=127.0.0.1:1,2=127.0.0.1:2';
    const right = { id: '1', peers, data: 'x', http: '0' };
    for (const [change, complaint] of [
      [{ id: '' }, '--id is missing'],
      [{ data: '' }, '--data is missing'],
      [{ id: '3' }, '--peers must name member 3'],
      [{ peers: '1=127.0.0.1' }, '--peers: 127.0.0.1 is not HOST:PORT'],
      [{ peers: '1=127.0.0.1:70000' }, '--peers: 127.0.0.1:70000 is not HOST:PORT'],
      [{ peers: `${peers},1=h:3` }, '--peers names an id twice'],
      [{ peers: `${peers},3=127.0.0.1:2` }, '--peers names the address 127.0.0.1:2 twice'],
      [{ peers: `${peers},${'x'.repeat(256)}=h:3` }, '--peers: an id has at most 255 bytes'],
      [{ id: 'x'.repeat(100_000) }, '--id: an id has at most 255 bytes, not 100000'],
      [{ id: 'constructor' }, '--peers must name member constructor'],
      [{ id: '__proto__' }, '--peers must name member __proto__'],
      [{ http: 'port' }, '--http must be a number from 0 to 65535, got port'],
      [{ listen: 'h' }, '--listen: h is not HOST:PORT'],
      [{ 'snapshot-entries': '0' }, '--snapshot-entries must be a number from 1'],
      [{ color: 'red' }, "Unknown option '--color'"],
    ] as const) {
      const words = Object.entries({ ...right, ...change }).flatMap(([name, value]) =>
        value === '' ? [] : [`--${name}`, value],
      );
      const { status, stderr } = run(...words);
      expect(stderr).toContain(complaint);
      expect(stderr).toContain('usage: main.js');
      expect(status).toBe(2);
    }
  });

  it('says in one line why it cannot start, and exits 1', () => {
    const words = ['--id', '1', '--peers', '1=127.0.0.1:1', '--http', '0'];
    const { status, stderr } = run(...words, '--data', '/dev/null/x');
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('/dev/null/x')]);
    expect(status).toBe(1);
  });

  it('says in one line that a port is taken, and exits 1', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    const takenForAll = net.createServer().listen(0);
    await Promise.all([once(taken, 'listening'), once(takenForAll, 'listening')]);
    const portOf = (server: net.Server) => (server.address() as net.AddressInfo).port;
    const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-kv-port-'));
    const words = ['--id', '1', '--data', directory];
    for (const [port, ...rest] of [
      [portOf(taken), '--peers', `1=127.0.0.1:${portOf(taken)}`, '--http', '0'],
      [
        portOf(takenForAll),
        '--peers',
        `1=127.0.0.1:${await freePort()}`,
        '--http',
        `${portOf(takenForAll)}`,
      ],
    ] as const) {
      // Not `spawnSync`: this process must go on to hold the ports.
      const child = spawn(process.execPath, [main, ...words, ...rest], { stdio: 'pipe' });
      let stderr = '';
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
      });
      const [status] = await once(child, 'close');
      expect(stderr.trim().split('\n')).toEqual([
        expect.stringMatching(new RegExp(`EADDRINUSE.*${port}`)),
      ]);
      expect(status).toBe(1);
    }
    taken.close();
    takenForAll.close();
    rmSync(directory, { recursive: true });
  });

  it('explains itself and exits 0 on --help', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--help'], {
      encoding: 'utf8',
    });
    expect(stdout).toContain('usage: main.js --id ID');
    expect([stderr, status]).toEqual(['', 0]);
  });

  it('exits 0 on a SIGTERM that comes while it starts', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-kv-start-'));
    // A start that never ends: nobody answers that the port is open.
    const hook = `import net from 'node:net';
      net.Server.prototype.listen = function () { console.log('starting'); return this; };
      setInterval(() => {}, 1000);`;
    const words = ['--id', '1', '--peers', '1=127.0.0.1:1', '--http', '0', '--data', directory];
    const preload = `data:text/javascript,${encodeURIComponent(hook)}`;
    const child = spawn(process.execPath, ['--import', preload, main, ...words], { stdio: 'pipe' });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    rmSync(directory, { recursive: true });
  });
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('README', () => {
  it(
    'has an example that runs',
    () => {
      const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
      const [, example = ''] = /```js\n(.*?)```/s.exec(readme) ?? [];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--input-type=module', '--eval', example],
        { cwd: root, timeout: timeoutMs, encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      expect(stdout).toContain('the counter is 3');
      expect(status).toBe(0);
    },
    timeoutMs,
  );
});
