import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { DEFAULT_LIMITS } from '../../src/options.ts';
import { FakeNode } from '../fixtures/fake-node.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string }[];
  readonly requestBody?: unknown;
  readonly responses: Record<string, { readonly content: Record<string, { schema: unknown }> }>;
}

async function readDocument(): Promise<Document> {
  const app = await buildApp({
    node: new FakeNode(),
    registry: new Registry(),
    limits: DEFAULT_LIMITS,
    access: { kind: 'administrator' },
    config: {},
    dashboardFiles: {},
    stopping: new AbortController().signal,
    logger: null,
    nowMs: () => 0,
    serverFactory: null,
  });
  return (await app.inject('/openapi.json')).json();
}

it('the document names every route with its answers', async () => {
  const { openapi, paths } = await readDocument();
  expect(openapi).toBe('3.1.0');
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, it]) => `${method} ${path} ${Object.keys(it.responses)}`),
  );
  expect(operations.sort()).toEqual([
    'delete /v1/flows 200,default',
    'get /healthz 200,default',
    'get /metrics 200,default',
    'get /readyz 200,default',
    'get /v1/activations 200,default',
    'get /v1/config 200,default',
    'get /v1/events 200,default',
    'get /v1/flows 200,default',
    'get /v1/members 200,default',
    'get /v1/status 200,default',
    'get /v1/survey 200,default',
    'get /v1/verify 200,default',
    'post /v1/drain 200,default',
    'post /v1/members/add 200,default',
    'post /v1/members/promote 200,default',
    'post /v1/members/remove 200,default',
    'post /v1/reconcile 200,default',
    'post /v1/transfer 200,default',
    'post /v1/undrain 200,default',
    'post /v1/verify 200,default',
  ]);
});

it('the document describes parameters, media types and bodies', async () => {
  const { paths } = await readDocument();
  const flows = paths['/v1/flows']?.['get'];
  expect(flows?.parameters?.map((parameter) => parameter.name)).toEqual([
    'proto',
    'src',
    'dst',
    'sport',
    'dport',
    'state',
    'zone',
    'mark',
    'origin',
    'limit',
    'cursor',
    'consistency',
  ]);
  expect(Object.keys(flows?.responses['200']?.content ?? {})).toEqual([
    'application/json',
    'application/x-ndjson',
  ]);
  expect(paths['/v1/transfer']?.['post']?.requestBody).toMatchObject({ required: true });
});

it('every reference of the document leads to a component', async () => {
  const document = await readDocument();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
    (it) => it[1],
  );
  expect(references.length).toBeGreaterThan(5);
  for (const reference of references) {
    const name = reference?.replace('#/components/schemas/', '') ?? '';
    expect(document.components.schemas).toHaveProperty(name);
  }
  expect(JSON.stringify(document)).not.toContain('$id');
});
