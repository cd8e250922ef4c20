import type { AdminRefusal } from '@raftwall/replicator';
import { Counter, Registry } from 'prom-client';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Access, buildApp } from '../../src/app.ts';
import { Tokens } from '../../src/auth.ts';
import { type ApiLimits, DEFAULT_LIMITS } from '../../src/options.ts';
import { FakeNode, sampleFlow, sampleStatus, silentReport } from '../fixtures/fake-node.ts';

// Processes and schema compilers start slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let node: FakeNode;

beforeEach(() => {
  node = new FakeNode();
});

interface Setup {
  readonly access?: Access;
  readonly limits?: Partial<ApiLimits>;
  readonly registry?: Registry;
  readonly log?: unknown[];
  readonly config?: object;
}

async function appOf(setup: Setup = {}) {
  const write = (details: object, message: string) => {
    setup.log?.push({ ...details, message });
  };
  return await buildApp({
    node,
    registry: setup.registry ?? new Registry(),
    limits: { ...DEFAULT_LIMITS, ...setup.limits },
    access: setup.access ?? { kind: 'administrator' },
    config: setup.config ?? {},
    dashboardFiles: {},
    stopping: new AbortController().signal,
    logger: { info: write, warn: write, error: write },
    nowMs: () => 0,
    serverFactory: null,
  });
}

async function get(url: string, headers: Record<string, string> = {}, setup: Setup = {}) {
  const answer = await (await appOf(setup)).inject({ method: 'GET', url, headers });
  return { status: answer.statusCode, type: answer.headers['content-type'], body: answer.body };
}

async function post(url: string, payload: unknown, setup: Setup = {}) {
  const app = await appOf(setup);
  const answer = await app.inject({ method: 'POST', url, payload: payload as object });
  return { status: answer.statusCode, body: answer.json() };
}

describe('reading', () => {
  it('GET /healthz answers as long as the daemon runs', async () => {
    node.current = sampleStatus({ ready: false, notReadyReason: 'no leader' });
    expect(await get('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  });

  it('V1 GET /readyz answers 200 when ready and else 503 with the reason', async () => {
    expect(await get('/readyz')).toMatchObject({ status: 200, body: '{"ready":true}' });
    node.current = sampleStatus({
      ready: false,
      notReadyReason: 'The kernel is 12 entries behind',
    });
    const { status, type, body } = await get('/readyz');
    expect({ status, type }).toEqual({
      status: 503,
      type: 'application/problem+json; charset=utf-8',
    });
    expect(JSON.parse(body)).toEqual({
      type: 'urn:raftwall:problem:not-ready',
      title: 'The node is not ready',
      status: 503,
      detail: 'The kernel is 12 entries behind',
      code: 'not-ready',
    });
  });

  it('GET /v1/status gives the whole read model', async () => {
    node.current = sampleStatus({
      kernel: {
        ...sampleStatus().kernel,
        failuresByErrno: { EEXIST: 1, ENOMEM: 2 },
        lastReconcile: { reason: 'start', created: 1, updated: 0, deleted: 0, durationMs: 12.5 },
      },
    });
    expect(JSON.parse((await get('/v1/status')).body)).toEqual(node.current);
    node.current = sampleStatus({ vrrp: null, leader: null, active: null });
    expect(JSON.parse((await get('/v1/status')).body)).toEqual(node.current);
  });

  it('GET /v1/members and /v1/activations give the lists', async () => {
    expect(JSON.parse((await get('/v1/members')).body)).toEqual(node.current.members);
    expect(JSON.parse((await get('/v1/activations')).body)).toEqual(node.activations());
  });

  it('GET /metrics gives the metrics of the registry', async () => {
    const registry = new Registry();
    new Counter({ name: 'probe_total', help: 'A probe', registers: [registry] }).inc(3);
    const { type, body } = await get('/metrics', {}, { registry });
    expect(type).toContain('text/plain');
    expect(body).toContain('probe_total 3');
  });

  it('GET /v1/verify gives the report', async () => {
    const counts = { missing: 1, extra: 2, different: 3, tableRanges: 4 };
    const difference = {
      place: 'table' as const,
      kind: 'different' as const,
      attributes: ['mark'],
      flow: sampleFlow(),
    };
    const found = { answered: true, ...counts, differences: [difference] };
    const nodes = [{ ...silentReport, ...found }];
    node.report = { equal: false, reference: 'fw2', rangesCompared: 3, nodes };
    expect(JSON.parse((await get('/v1/verify')).body)).toEqual(node.report);
  });
});

describe('GET /v1/flows', () => {
  const NDJSON = { accept: 'application/x-ndjson' };

  it('gives an array, or one flow a line when asked to', async () => {
    const array = await get('/v1/flows');
    expect(array.type).toContain('application/json');
    expect(JSON.parse(array.body)).toEqual(node.table);
    const lines = await get('/v1/flows', NDJSON);
    expect(lines.type).toBe('application/x-ndjson');
    expect(
      lines.body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(node.table);
  });

  it('gives an empty array, or no line, when there is no flow', async () => {
    node.table = [];
    expect((await get('/v1/flows')).body).toBe('[]');
    expect((await get('/v1/flows', NDJSON)).body).toBe('');
  });

  it('joins pages', async () => {
    node.table = Array.from({ length: 1000 }, (_, mark) => sampleFlow({ mark }));
    expect(JSON.parse((await get('/v1/flows')).body)).toEqual(node.table);
    expect((await get('/v1/flows', NDJSON)).body.trimEnd().split('\n')).toHaveLength(1000);
  });

  it('hands every filter to the node', async () => {
    await get(
      '/v1/flows?proto=tcp&src=10.0.0.0/8&dst=fd00::1&sport=1&dport=2&state=ESTABLISHED&zone=3&mark=4&limit=5',
    );
    expect(node.queries[0]?.query).toEqual({
      proto: 'tcp',
      src: '10.0.0.0/8',
      dst: 'fd00::1',
      sport: 1,
      dport: 2,
      state: 'ESTABLISHED',
      zone: 3,
      mark: 4,
      limit: 5,
    });
  });

  it('tells own flows from those of others, and limits after that', async () => {
    const protocols = async (query: string) =>
      JSON.parse((await get(`/v1/flows?${query}`)).body).map(
        (flow: { protocol: string }) => flow.protocol,
      );
    expect(await protocols('origin=local')).toEqual(['tcp']);
    expect(await protocols('origin=remote')).toEqual(['udp']);
    node.table = [sampleFlow(), sampleFlow({ protocol: 'sctp' }), ...node.table];
    expect(await protocols('origin=local&limit=2')).toEqual(['tcp', 'sctp']);
    expect(await protocols('origin=remote&limit=1')).toEqual(['udp']);
  });

  it.each([
    'sport=x',
    'sport=65536',
    'limit=-1',
    'bogus=1',
    'src=fw1',
    'dst=10.0.0.0/33',
    'origin=here',
    'proto=',
  ])('answers 400 to %s', async (query) => {
    const { status, type, body } = await get(`/v1/flows?${query}`);
    expect({ status, type }).toEqual({
      status: 400,
      type: 'application/problem+json; charset=utf-8',
    });
    expect(JSON.parse(body)).toMatchObject({ code: 'bad-request', status: 400 });
    expect(node.queries).toEqual([]);
  });

  it('answers a refusal before the first flow with its problem', async () => {
    node.refuseWith('not-ready', 'The table is still being read');
    const { status, body } = await get('/v1/flows');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ code: 'not-ready' });
  });

  it('bounds the listings that run at once, and frees their places', async () => {
    const app = await appOf({ limits: { flowListingsMax: 1 } });
    const inject = () => app.inject({ method: 'GET', url: '/v1/flows' });
    const answers = await Promise.all([inject(), inject()]);
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([200, 503]);
    expect((await inject()).statusCode).toBe(200);
  });
});

describe('changing', () => {
  it('POST /v1/transfer moves leadership', async () => {
    expect(await post('/v1/transfer', { target: 'fw2' })).toEqual({
      status: 200,
      body: { target: 'fw2' },
    });
    expect(node.transfers).toEqual(['fw2']);
  });

  it('POST /v1/members/add, promote and remove change the members and answer with them', async () => {
    const address = '10.77.0.4:7400';
    const { members } = node.current;
    for (const [kind, payload] of [
      ['add', { id: 'fw4', address }],
      ['promote', { id: 'fw4' }],
      ['remove', { id: 'fw2' }],
    ] as const) {
      const answer = await post(`/v1/members/${kind}`, payload);
      expect(answer).toMatchObject({ status: 200, body: members.map(({ id }) => ({ id })) });
    }
    expect(node.memberChanges).toEqual([
      { kind: 'add', id: 'fw4', address },
      { kind: 'promote', id: 'fw4' },
      { kind: 'remove', id: 'fw2' },
    ]);
    for (const [kind, payload] of [
      ['add', { id: 'fw5' }],
      ['promote', { id: 'fw4', address }],
      ['remove', { id: '' }],
    ] as const) {
      expect((await post(`/v1/members/${kind}`, payload)).status).toBe(400);
    }
    expect(node.memberChanges).toHaveLength(3);
  });

  it('POST /v1/reconcile answers with what was done', async () => {
    expect(await post('/v1/reconcile', { reason: 'runbook' })).toEqual({
      status: 200,
      body: {
        lastReconcile: { reason: 'runbook', created: 1, updated: 2, deleted: 3, durationMs: 4 },
      },
    });
    await post('/v1/reconcile', {});
    expect(node.reconciles).toEqual(['runbook', 'asked for by the API']);
  });

  const refusals: [AdminRefusal['code'], number][] = [
    ['unknown-member', 404],
    ['not-ready', 503],
    ['no-quorum', 503],
    ['transfer-failed', 409],
    ['not-leader', 409],
    ['member-change-failed', 409],
    ['not-active', 409],
    ['unsupported', 501],
  ];

  it.each(refusals)('the refusal %s answers %i with its sentence', async (code, status) => {
    node.refuseWith(code, 'For this reason');
    for (const [url, payload] of [
      ['/v1/transfer', { target: 'fw2' }],
      ['/v1/reconcile', {}],
      ['/v1/members/promote', { id: 'fw2' }],
    ] as const) {
      const answer = await post(url, payload);
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({ code, status, detail: 'For this reason' });
    }
    expect((await get('/v1/verify')).status).toBe(status);
  });

  it.each([
    ['no target', {}],
    ['an unknown key', { target: 'fw2', force: true }],
    ['an empty target', { target: '' }],
    ['no object', []],
  ])('POST /v1/transfer answers 400 to %s', async (_name, payload) => {
    expect(await post('/v1/transfer', payload)).toMatchObject({
      status: 400,
      body: { code: 'bad-request' },
    });
    expect(node.transfers).toEqual([]);
  });

  it('answers to broken JSON, a foreign media type and too long a body', async () => {
    const app = await appOf({ limits: { bodyBytesMax: 1000 } });
    const send = async (type: string, payload: string) => {
      const headers = { 'content-type': type };
      const answer = await app.inject({ method: 'POST', url: '/v1/transfer', headers, payload });
      return [answer.statusCode, answer.json().code];
    };
    expect(await send('application/json', '{"target":')).toEqual([400, 'bad-request']);
    expect(await send('application/xml', '<a/>')).toEqual([415, 'unsupported-media-type']);
    const long = JSON.stringify({ target: 'x'.repeat(2000) });
    expect(await send('application/json', long)).toEqual([413, 'body-too-large']);
  });

  it('writes an audit line for each change asked', async () => {
    const log: unknown[] = [];
    await post('/v1/transfer', { target: 'fw2' }, { log });
    expect(log).toMatchObject([
      { audit: { by: 'local administrator', url: '/v1/transfer', status: 200 } },
    ]);
  });
});

describe('problems', () => {
  it('an unknown route is a problem too', async () => {
    const { status, type, body } = await get('/v1/nothing?x=1');
    expect({ status, type }).toEqual({
      status: 404,
      type: 'application/problem+json; charset=utf-8',
    });
    expect(JSON.parse(body).detail).toContain('GET /v1/nothing does not exist');
    expect((await post('/v1/status', {})).body).toMatchObject({ code: 'unknown-route' });
  });

  it('an unforeseen error is logged and its text is not sent', async () => {
    node.refusal = new Error('secret path /x/y');
    const log: unknown[] = [];
    const { status, body } = await get('/v1/verify', {}, { log });
    expect(status).toBe(500);
    expect(body).not.toContain('secret');
    expect(log).toMatchObject([{ url: '/v1/verify', message: 'A request failed unexpectedly' }]);
  });

  it('requests beyond the rate are refused', async () => {
    const app = await appOf({ limits: { requestBurstMax: 2 } });
    const codes = [];
    for (let i = 0; i < 3; i += 1) codes.push((await app.inject('/healthz')).statusCode);
    expect(codes).toEqual([200, 200, 429]);
  });
});

describe('access', () => {
  const HASH = 'sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b';
  const tokens = new Tokens(`# the token is "secret"\nalice operator ${HASH}\n`);

  it('anonymous requesters over TCP read and change nothing', async () => {
    const setup = { access: { kind: 'anonymous' } } as const;
    expect((await get('/v1/status', { host: '127.0.0.1:7680' }, setup)).status).toBe(200);
    const app = await appOf(setup);
    const headers = { host: '127.0.0.1:7680' };
    const payload = { target: 'fw2' };
    const answer = await app.inject({ method: 'POST', url: '/v1/transfer', headers, payload });
    expect(answer.json()).toMatchObject({ status: 403, code: 'forbidden' });
    expect(node.transfers).toEqual([]);
  });

  it('a name that was resolved to this machine does not open it to a web page', async () => {
    const setup = { access: { kind: 'anonymous' } } as const;
    const statusFor = async (host: string) => (await get('/v1/status', { host }, setup)).status;
    expect(await statusFor('evil.example:7680')).toBe(403);
    expect(await statusFor('localhost:7680')).toBe(200);
    expect(await statusFor('[::1]:7680')).toBe(200);
  });

  it('with tokens, reading and changing need one, health does not', async () => {
    const setup = { access: { kind: 'tokens', tokens } } as const;
    expect((await get('/healthz', {}, setup)).status).toBe(200);
    expect((await get('/v1/status', {}, setup)).status).toBe(401);
    expect((await get('/v1/status', { authorization: 'Bearer wrong' }, setup)).status).toBe(401);
    expect((await get('/v1/status', { authorization: 'Bearer secret' }, setup)).status).toBe(200);
    const app = await appOf(setup);
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/transfer',
      headers: { authorization: 'Bearer secret' },
      payload: { target: 'fw2' },
    });
    expect(answer.statusCode).toBe(200);
  });

  it('a reader may not change', async () => {
    const reader = new Tokens(`bob reader ${HASH}`);
    const app = await appOf({ access: { kind: 'tokens', tokens: reader } });
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/transfer',
      headers: { authorization: 'Bearer secret' },
      payload: { target: 'fw2' },
    });
    expect(answer.json()).toMatchObject({ code: 'forbidden' });
  });

  it.each([
    ['alice operator', 1],
    [`# x\n\nalice root ${HASH}`, 3],
    [`alice reader ${HASH} more`, 1],
    ['alice reader sha256:abc', 1],
  ])('a bad line of the tokens file is named: %j', (text, line) => {
    expect(() => new Tokens(text)).toThrow(`Line ${line} of the tokens file`);
  });
});

describe('consistency of reads', () => {
  it('flows and activations wait for what is committed, unless local reads are asked for', async () => {
    await get('/v1/flows');
    await get('/v1/activations');
    expect(node.barriers).toBe(2);
    await get('/v1/flows?consistency=local');
    await get('/v1/activations?consistency=local');
    await get('/v1/status');
    expect(node.barriers).toBe(2);
  });

  it('without a quorum they are refused, and local ones are not', async () => {
    node.current = sampleStatus({ quorum: false });
    const { status, body } = await get('/v1/flows');
    expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 503, code: 'no-quorum' });
    expect((await get('/v1/flows?consistency=local')).status).toBe(200);
    expect((await get('/v1/status')).status).toBe(200);
  });
});

describe('pages of flows', () => {
  it('follow one another by the link header until there is no more', async () => {
    node.table = Array.from({ length: 25 }, (_, mark) => sampleFlow({ mark }));
    const app = await appOf();
    const seen: number[] = [];
    const sizes: number[] = [];
    for (let url: string | undefined = '/v1/flows?cursor=start&limit=10&proto=tcp'; url; ) {
      const answer: { headers: Record<string, unknown>; body: string } = await app.inject({ url });
      const flows: { mark: number }[] = JSON.parse(answer.body);
      seen.push(...flows.map(({ mark }) => mark));
      sizes.push(flows.length);
      url = /^<(.*)>; rel="next"$/.exec(String(answer.headers['link'] ?? ''))?.[1];
    }
    expect(sizes).toEqual([10, 10, 5]);
    expect(seen).toEqual(node.table.map(({ mark }) => mark));
  });

  it.each(['cursor=other.3', 'cursor=3', 'cursor=start&limit=0', 'cursor=start&limit=10001'])(
    'refuse %s',
    async (query) => {
      const { status, body } = await get(`/v1/flows?${query}`);
      expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 400, code: 'bad-request' });
    },
  );
});

describe('DELETE /v1/flows', () => {
  const remove = async (query: string, setup: Setup = {}) => {
    const answer = await (await appOf(setup)).inject({
      method: 'DELETE',
      url: `/v1/flows${query}`,
    });
    return { status: answer.statusCode, body: answer.json() };
  };

  it('ends what matches, says how many, and is in the audit log', async () => {
    const log: unknown[] = [];
    expect(await remove('?proto=udp', { log })).toEqual({ status: 200, body: { deleted: 1 } });
    expect(node.table).toHaveLength(1);
    await expect
      .poll(() => log)
      .toMatchObject([{ audit: { method: 'DELETE', url: '/v1/flows?proto=udp', status: 200 } }]);
  });

  it('empties the table only if that is said', async () => {
    expect(await remove('')).toMatchObject({ status: 400 });
    expect(await remove('?all=false')).toMatchObject({ status: 400 });
    expect(node.table).toHaveLength(2);
    expect(await remove('?all=true')).toEqual({ status: 200, body: { deleted: 2 } });
  });

  it('is refused on a standby', async () => {
    node.refuseWith('not-active', 'flows are deleted on the active node');
    expect(await remove('?proto=udp')).toMatchObject({ status: 409, body: { code: 'not-active' } });
  });
});

it('GET /v1/config gives what is in force and hides what names secrets', async () => {
  const config = {
    cluster: { name: 'edge', members: [{ id: 'fw1' }] },
    api: { tls: { cert: '/c.pem', key: '/k.pem', ca: null }, tokensFile: '/tokens', listen: null },
  };
  expect(JSON.parse((await get('/v1/config', {}, { config })).body)).toEqual({
    cluster: config.cluster,
    api: {
      tls: { cert: '/c.pem', key: '(hidden)', ca: null },
      tokensFile: '(hidden)',
      listen: null,
    },
  });
});
