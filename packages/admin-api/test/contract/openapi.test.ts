import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type ApiUnderTest,
  apiUnderTest,
  type OpenApi,
  SchemaCheck,
  TOKENS,
} from './api-under-test.ts';

// Schema compilers start slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

type Payload = Readonly<Record<string, unknown>>;

/** How each route is asked so that it answers well; a route that is missing here fails the first test. */
const GOOD: Readonly<Record<string, { readonly query?: string; readonly payload?: Payload }>> = {
  'get /healthz': {},
  'get /readyz': {},
  'get /metrics': {},
  'get /v1/status': {},
  'get /v1/members': {},
  'get /v1/activations': {},
  'get /v1/config': {},
  'get /v1/flows': { query: '?proto=tcp&limit=5' },
  'delete /v1/flows': { query: '?proto=tcp' },
  'get /v1/survey': {},
  'get /v1/verify': {},
  'post /v1/verify': {},
  'post /v1/reconcile': { payload: { reason: 'test' } },
  'post /v1/transfer': { payload: { target: 'fw2' } },
  'post /v1/drain': {},
  'post /v1/undrain': {},
  'post /v1/members/add': { payload: { id: 'fw4', address: '10.77.0.4:7650' } },
  'post /v1/members/promote': { payload: { id: 'fw2' } },
  'post /v1/members/remove': { payload: { id: 'fw2' } },
};

/** A stream without an end; client.test.ts reads it. */
const STREAMS = ['get /v1/events'];

const document = (await (await apiUnderTest()).app.inject('/openapi.json')).json<OpenApi>();
const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({ path, method, name: `${method} ${path}` })),
);
const plain = routes.filter(({ name }) => !STREAMS.includes(name));

let api: ApiUnderTest;
let check: SchemaCheck;

beforeAll(async () => {
  api = await apiUnderTest();
  check = new SchemaCheck(document);
});

interface Asked {
  readonly token?: string | null;
  readonly query?: string;
  readonly payload?: Payload | string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask({ path, method }: (typeof routes)[number], asked: Asked = {}) {
  const { token = TOKENS.admin, query = '', payload, headers = {} } = asked;
  return await api.app.inject({
    method: method.toUpperCase() as 'GET',
    url: path + query,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

/** The answer is a problem of this code, as the document describes problems. */
async function expectProblem(route: (typeof routes)[number], code: string, asked: Asked) {
  const answer = await ask(route, asked);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  const problem = answer.json();
  expect({ route: route.name, code: problem.code }).toEqual({ route: route.name, code });
  expect(problem.status).toBe(answer.statusCode);
  const place = { ...route, answer: 'default', type: 'application/problem+json' };
  expect(await check.faults(place, problem)).toBe('');
}

it('the tests know every route of the document', () => {
  expect(plain.map(({ name }) => name).sort()).toEqual(Object.keys(GOOD).sort());
});

describe.each(plain)('$name', (route) => {
  const { path, method, name } = route;
  const operation = document.paths[path]?.[method];
  const needsToken = operation?.security !== undefined;

  it('answers as the document says', async () => {
    const answer = await ask(route, GOOD[name]);
    expect(answer.statusCode, answer.body).toBe(200);
    const types = Object.keys(operation?.responses['200']?.content ?? {});
    const [type = ''] = types;
    expect(answer.headers['content-type']?.toString().split(';')[0]).toBe(type.split(';')[0]);
    const value = type === 'application/json' ? answer.json() : answer.body;
    expect(await check.faults({ path, method, answer: '200', type }, value)).toBe('');
  });

  if (needsToken)
    it('no token and a wrong one get no data', async () => {
      for (const token of [null, 'x', `${TOKENS.admin}x`, '']) {
        await expectProblem(route, 'unauthorized', { ...GOOD[name], token });
      }
    });

  if (method !== 'get')
    it('refuses a reader before anything happens', async () => {
      const before = JSON.stringify(api.node);
      await expectProblem(route, 'forbidden', { ...GOOD[name], token: TOKENS.reader });
      expect(JSON.stringify(api.node)).toBe(before);
    });

  if (operation?.requestBody !== undefined)
    it('refuses bodies that it does not understand', async () => {
      const headers = { 'content-type': 'application/json' };
      for (const payload of ['{', '[]', '1', 'null', '{"target":{}}', '{"id":[]}', '{"other":1}']) {
        await expectProblem(route, 'bad-request', { payload, headers });
      }
      const long = JSON.stringify({ id: 'a'.repeat(70_000) });
      await expectProblem(route, 'body-too-large', { payload: long, headers });
      await expectProblem(route, 'unsupported-media-type', {
        payload: '<a/>',
        headers: { 'content-type': 'text/xml' },
      });
    });

  if (path.startsWith('/v1/') && method === 'get')
    it('refuses other methods', async () => {
      const answer = await api.app.inject({
        method: 'PUT',
        url: path,
        headers: { authorization: `Bearer ${TOKENS.admin}` },
      });
      expect(answer.json()).toMatchObject({ status: 404, code: 'unknown-route' });
    });
});
