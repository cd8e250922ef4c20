import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { NodeEvent } from '@raftwall/replicator';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AdminApi } from '../../src/admin-api.ts';
import { AdminClient } from '../../src/client/admin-client.ts';
import { BadAnswerError, RefusedError, UnreachableError } from '../../src/client/errors.ts';
import { readText, send } from '../../src/client/request.ts';
import { NotASocketError, SocketInUseError, UnprotectedListenError } from '../../src/errors.ts';
import { registerNodeMetrics } from '../../src/node-metrics.ts';
import type { AdminApiOptions } from '../../src/options.ts';
import { listenOnUnixSocket } from '../../src/unix-socket.ts';
import { FakeNode, sampleFlow, sampleStatus } from '../fixtures/fake-node.ts';

// Processes and schema compilers start slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let directory = '';
let socket = '';
let node: FakeNode;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftwall-api-'));
  socket = join(directory, 'raftwall.sock');
  node = new FakeNode();
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
  await rm(directory, { recursive: true });
});

/** Without the listener for events of the whole registry: tests count the API's own. */
function registryOf(fake: FakeNode): Registry {
  const registry = new Registry();
  registerNodeMetrics(registry, fake);
  return registry;
}

async function startApi(options: Partial<AdminApiOptions> = {}): Promise<AdminApi> {
  const api = new AdminApi(
    { socket, listen: null, tls: null, tokensFile: null, dashboardFiles: {}, ...options },
    { node, registry: registryOf(node), config: {}, logger: null },
  );
  await api.start();
  running.push(api);
  return api;
}

const client = () => new AdminClient({ socketPath: socket });

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A server that answers with these bytes and hangs up. */
async function startImpostor(bytes: string): Promise<void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((connection) => {
    sockets.add(connection);
    connection.once('data', () => connection.end(bytes));
  });
  server.listen(socket);
  await once(server, 'listening');
  running.push({
    stop: () =>
      new Promise((resolve) => {
        for (const it of sockets) it.destroy();
        server.close(() => resolve());
      }),
  });
}

describe('the client over a Unix socket', () => {
  it('reads everything there is', async () => {
    await startApi();
    expect(await client().status()).toEqual(node.current);
    expect(await client().members()).toEqual(node.current.members);
    expect(await client().activations()).toEqual(node.activations());
    expect(await client().verify()).toEqual(node.report);
    expect(await client().survey()).toEqual(node.surveyed);
    expect(await client().readiness()).toEqual({ ready: true, reason: null });
    const metrics = await client().metrics();
    expect(metrics).toContain('raftwall_flows 2');
    expect(metrics).toContain('raftwall_member_reachable{member="fw3"} 0');
    expect(metrics).toContain('raftwall_active{group="default"} 1');
  });

  it('says why a node is not ready', async () => {
    node.current = sampleStatus({ ready: false, notReadyReason: 'no leader named a commit index' });
    await startApi();
    expect(await client().readiness()).toEqual({
      ready: false,
      reason: 'no leader named a commit index',
    });
  });

  it('streams flows, as many as there are', async () => {
    node.table = Array.from({ length: 5000 }, (_, mark) => sampleFlow({ mark }));
    await startApi();
    expect(await all(client().flows())).toEqual(node.table);
    expect(await all(client().flows({ mark: 7, proto: 'tcp' }))).toEqual([sampleFlow({ mark: 7 })]);
  });

  it('stops the listing when the reader stops', async () => {
    let wasLeft = false;
    let pages = 0;
    node.flows = async function* () {
      try {
        for (;;) {
          pages += 1;
          yield Array.from({ length: 256 }, () => sampleFlow());
        }
      } finally {
        wasLeft = true;
      }
    };
    await startApi();
    for await (const flow of client().flows()) {
      expect(flow.protocol).toBe('tcp');
      break;
    }
    await expect.poll(() => wasLeft).toBe(true);
    expect(pages).toBeLessThan(1000);
  });

  it('moves leadership and reconciles', async () => {
    await startApi();
    await client().transfer('fw2');
    expect(node.transfers).toEqual(['fw2']);
    expect(await client().reconcile('by hand')).toMatchObject({ reason: 'by hand', created: 1 });
  });

  it('throws a RefusedError with the sentence of the daemon', async () => {
    node.refuseWith('unknown-member', 'fw9 is not a member; members are fw1, fw2, fw3');
    await startApi();
    const error = await client()
      .transfer('fw9')
      .catch((it: unknown) => it);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({
      status: 404,
      problem: 'unknown-member',
      message: 'fw9 is not a member; members are fw1, fw2, fw3',
    });
  });

  it('throws an UnreachableError when nobody is there, or it is lost midway', async () => {
    await expect(client().status()).rejects.toThrow(UnreachableError);
    await expect(client().status()).rejects.toThrow(/raftwall.sock: the socket does not exist/);
    await startImpostor('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"flows":1}\n');
    await expect(client().status()).rejects.toThrow(UnreachableError);
    await expect(all(client().flows())).rejects.toThrow(UnreachableError);
  });

  it('throws a BadAnswerError when somebody else answers', async () => {
    await startImpostor('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello');
    await expect(client().status()).rejects.toThrow(BadAnswerError);
  });

  it('gets events while they happen, until the signal', async () => {
    await startApi();
    const control = new AbortController();
    const got: NodeEvent[] = [];
    const reading = (async () => {
      for await (const event of client().events(control.signal)) {
        got.push(event);
        if (got.length === 2) control.abort();
      }
    })();
    await expect.poll(() => node.listeners.size).toBe(1);
    const event = { atMs: 5, kind: 'leader', message: 'fw2\nleads', details: { term: 4 } } as const;
    node.emit(event);
    node.emit({ ...event, atMs: 6 });
    await expect(reading).rejects.toThrow(UnreachableError);
    expect(got).toEqual([event, { ...event, atMs: 6 }]);
    await expect.poll(() => node.listeners.size).toBe(0);
  });
});

describe('the socket', () => {
  it('belongs to its owner alone and disappears with the API', async () => {
    const api = await startApi();
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['raftwall.sock']);
    await api.stop();
    expect(await readdir(directory)).toEqual([]);
  });

  it('is made inside of its own directory, where nobody else can connect yet', async () => {
    let made = '';
    await listenOnUnixSocket(socket, async (path) => {
      made = path;
      const hidden = dirname(path);
      expect((await stat(hidden)).mode & 0o777).toBe(0o700);
      const server = createServer().listen(path);
      await once(server, 'listening');
      running.push({ stop: () => new Promise((resolve) => server.close(() => resolve())) });
    });
    expect(dirname(dirname(made))).toBe(directory);
    expect(Buffer.byteLength(made)).toBeLessThanOrEqual(Buffer.byteLength(`${directory}/s`) + 8);
    expect(await readdir(directory)).toEqual(['raftwall.sock']);
  });

  it('of a dead process is replaced', async () => {
    const server = createServer().listen(socket);
    await once(server, 'listening');
    await chmod(socket, 0o777);
    // Moved aside and back, so that closing does not remove it: what a killed process leaves behind.
    const { rename } = await import('node:fs/promises');
    await rename(socket, `${socket}.kept`);
    await new Promise((resolve) => server.close(resolve));
    await rename(`${socket}.kept`, socket);
    await startApi();
    expect((await client().status()).node).toBe('fw1');
  });

  it('of a living process is left alone', async () => {
    await startApi();
    await expect(startApi()).rejects.toThrow(SocketInUseError);
    expect((await client().status()).node).toBe('fw1');
  });

  it('does not replace a file of another kind', async () => {
    await writeFile(socket, 'precious');
    await expect(startApi()).rejects.toThrow(NotASocketError);
    expect((await stat(socket)).size).toBe(8);
  });

  it('gives only events of the kinds that are asked for', async () => {
    const api = await startApi();
    const reading = send({ socketPath: socket }, { path: '/v1/events?kinds=ready,vrrp' });
    const answer = await reading;
    await expect.poll(() => node.listeners.size).toBe(1);
    for (const kind of ['leader', 'ready', 'activation', 'vrrp'] as const) {
      node.emit({ atMs: 0, kind, message: '', details: {} });
    }
    await api.stop();
    const text = await readText({ socketPath: socket }, answer);
    expect([...text.matchAll(/"kind":"(\w+)"/g)].map(([, kind]) => kind)).toEqual([
      'ready',
      'vrrp',
    ]);
  });

  it('lets a stopping API end its event streams', async () => {
    const api = await startApi();
    const reading = all(client().events());
    await expect.poll(() => node.listeners.size).toBe(1);
    await api.stop();
    expect(await reading).toEqual([]);
    expect(node.listeners.size).toBe(0);
  });
});

describe('TCP', () => {
  it('serves readers on loopback without tokens', async () => {
    const api = await startApi({ listen: { host: '127.0.0.1', port: 0 } });
    const overTcp = new AdminClient({ url: `http://127.0.0.1:${api.port}` });
    expect((await overTcp.status()).node).toBe('fw1');
    await expect(overTcp.transfer('fw2')).rejects.toThrow(/Changes over TCP need api.tokensFile/);
  });

  it('takes tokens', async () => {
    const tokensFile = join(directory, 'tokens');
    const hash = '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b';
    await writeFile(tokensFile, `alice operator sha256:${hash}\n`);
    const api = await startApi({ listen: { host: '127.0.0.1', port: 0 }, tokensFile });
    const url = `http://127.0.0.1:${api.port}`;
    await new AdminClient({ url, token: 'secret' }).transfer('fw2');
    await expect(new AdminClient({ url }).status()).rejects.toThrow(/Send a valid token/);
  });

  it('beyond loopback is refused without tls and tokens', async () => {
    const listen = { host: '0.0.0.0', port: 0 };
    await expect(startApi({ listen })).rejects.toThrow(UnprotectedListenError);
    expect(await readdir(directory)).toEqual([]);
  });

  it('serves the files of the dashboard', async () => {
    const page = join(directory, 'index.html');
    await writeFile(page, '<!doctype html>');
    const api = await startApi({
      listen: { host: '127.0.0.1', port: 0 },
      dashboardFiles: { '/': page },
    });
    const answer = await fetch(`http://127.0.0.1:${api.port}/`);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(await answer.text()).toBe('<!doctype html>');
  });
});
