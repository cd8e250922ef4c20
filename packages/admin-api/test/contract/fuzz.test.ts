import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { apiUnderTest, TOKENS } from './api-under-test.ts';

// Two thousand requests, on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

const ROUTES = [
  '/',
  '/healthz',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/v1/status',
  '/v1/members',
  '/v1/flows',
  '/v1/activations',
  '/v1/config',
  '/v1/verify',
  '/v1/reconcile',
  '/v1/transfer',
  '/v1/members/add',
  '/v1/members/promote',
  '/v1/members/remove',
  '/v1/drain',
  '/v1/undrain',
  '/v1/survey',
] as const;

const METHODS = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'] as const;

const trick = fc.constantFrom(
  '/..',
  '/../../etc/passwd',
  '/%2e%2e/%2e%2e/etc/shadow',
  '/%00',
  '//',
  '/.',
  '/%',
  '/%ff%fe',
  '\\..\\..',
  ';a=b',
  '/__proto__',
  '/constructor',
  '?',
  '#x',
  '/%252e',
  '/*',
  '/:id',
);
const path = fc.oneof(
  fc.constantFrom(...ROUTES),
  fc.tuple(fc.constantFrom(...ROUTES), trick).map(([route, end]) => route + end),
  fc.string({ maxLength: 60 }).map((text) => `/${encodeURIComponent(text)}`),
);
const parameter = fc.constantFrom(
  'proto',
  'src',
  'dst',
  'sport',
  'zone',
  'mark',
  'limit',
  'cursor',
  'consistency',
  'origin',
  'all',
  'kinds',
  '__proto__',
  'constructor',
  'other',
);
const value = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.constantFrom(
    '-1',
    '1e99',
    'NaN',
    '0x10',
    '10.0.0.0/33',
    '::/129',
    'true',
    '',
    '[]',
    '\u0000',
    'start',
  ),
);
const query = fc
  .array(fc.tuple(parameter, value), { maxLength: 4 })
  .map((pairs) => (pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`));
const body = fc.oneof(
  fc.constant(undefined),
  fc.json({ maxDepth: 4 }),
  fc.string({ maxLength: 200 }),
  fc.constantFrom(
    '{"__proto__":{"role":"admin"}}',
    '{"target":"a","target":1}',
    '"'.repeat(70_000),
  ),
);
const type = fc.constantFrom(
  'application/json',
  'text/plain',
  'application/json; charset=utf-7',
  'x',
  '',
);
const authorization = fc.oneof(
  fc.constantFrom(`Bearer ${TOKENS.reader}`, `bearer ${TOKENS.reader}`, 'Bearer', 'Basic YTpi', ''),
  fc.string({ maxLength: 40 }).map((text) => `Bearer ${encodeURIComponent(text)}`),
);
const request = fc.record({
  method: fc.constantFrom(...METHODS),
  path,
  query,
  body,
  type,
  authorization,
});

it('whatever a reader or a stranger sends: no 500, an answer, nothing changed, nothing of secrets told', async () => {
  const { app, node, log } = await apiUnderTest({ flowListingsMax: 1e9 });
  const before = { ...state(node) };
  await fc.assert(
    fc.asyncProperty(request, async (it) => {
      const {
        statusCode,
        headers,
        body: answer,
      } = await app.inject({
        method: it.method,
        url: it.path + it.query,
        headers: {
          authorization: it.authorization,
          ...(it.type === '' ? {} : { 'content-type': it.type }),
        },
        ...(it.body === undefined ? {} : { payload: it.body }),
      });
      expect([500, 502]).not.toContain(statusCode);
      if (statusCode >= 400 && it.method !== 'HEAD') {
        expect(headers['content-type']).toMatch(/^application\/problem\+json/);
        expect(JSON.parse(answer)).toMatchObject({ status: statusCode });
      }
      for (const token of Object.values(TOKENS)) expect(answer).not.toContain(token);
      expect(answer).not.toMatch(/root:|node_modules|\.[jt]s:\d/);
      expect(state(node)).toEqual(before);
    }),
    { numRuns: 2000 },
  );
  for (const token of Object.values(TOKENS)) expect(log()).not.toContain(token);
});

it('without a good token nothing but health, readiness, the document and the page is told', async () => {
  const { app } = await apiUnderTest();
  const open = new Set(['/', '/healthz', '/readyz', '/openapi.json']);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ROUTES), query, async (url, conditions) => {
      if (open.has(url)) return;
      for (const method of ['GET', 'POST', 'DELETE'] as const) {
        const { statusCode, body: answer } = await app.inject({ method, url: url + conditions });
        expect([401, 404]).toContain(statusCode);
        expect(answer).not.toMatch(/192\.168\.|fw1|edge/);
      }
    }),
    { numRuns: 200 },
  );
});

/** All that a request could change. */
function state({
  current,
  table,
  transfers,
  memberChanges,
  reconciles,
  repairs,
}: Awaited<ReturnType<typeof apiUnderTest>>['node']) {
  return structuredClone({ current, table, transfers, memberChanges, reconciles, repairs });
}
