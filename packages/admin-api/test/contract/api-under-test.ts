import { createHash } from 'node:crypto';
import { fastify } from 'fastify';
import { buildApp } from '../../src/app.ts';
import { Tokens } from '../../src/auth.ts';
import { type ApiLimits, DEFAULT_LIMITS } from '../../src/options.ts';
import type { App } from '../../src/type-provider.ts';
import { FakeNode } from '../fixtures/fake-node.ts';
import { wholeRegistry } from '../fixtures/whole-registry.ts';

/** What the requesters of a listener with tokens show. */
export const TOKENS = {
  reader: 'reader-5f0d94b1',
  operator: 'operator-77c1e02a',
  admin: 'admin-1b9e3d4c',
} as const;

export interface ApiUnderTest {
  readonly app: App;
  readonly node: FakeNode;
  /** Every line of the log, as one text. */
  readonly log: () => string;
}

/** The API as over TCP with tokens, on a node in memory. */
export async function apiUnderTest(limits: Partial<ApiLimits> = {}): Promise<ApiUnderTest> {
  const node = new FakeNode();
  const lines: string[] = [];
  const write = (details: object, message: string) => {
    lines.push(JSON.stringify({ ...details, message }));
  };
  const file = Object.entries(TOKENS).map(
    ([role, token]) => `${role} ${role} sha256:${createHash('sha256').update(token).digest('hex')}`,
  );
  const app = await buildApp({
    node,
    registry: wholeRegistry(node).registry,
    limits: { ...DEFAULT_LIMITS, requestsPerSecondMax: 1e9, requestBurstMax: 1e9, ...limits },
    config: { api: { tokensFile: '/etc/raftwall/tokens' } },
    access: { kind: 'tokens', tokens: new Tokens(file.join('\n')) },
    dashboardFiles: {},
    stopping: new AbortController().signal,
    logger: { info: write, warn: write, error: write },
    nowMs: () => 0,
    serverFactory: null,
  });
  return { app, node, log: () => lines.join('\n') };
}

interface Operation {
  readonly security?: unknown;
  readonly requestBody?: unknown;
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: unknown }>> }>
  >;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

/** Tells what of a value a schema of the document does not allow; '' for nothing. */
export class SchemaCheck {
  readonly #document: OpenApi;
  readonly #validate: (schema: object, value: unknown) => Promise<string>;

  constructor(document: OpenApi) {
    this.#document = document;
    this.#validate = async (schema, value) => {
      // The validator that the API itself uses, but nothing is converted to what the schema wants.
      const checker = fastify({
        ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
      });
      checker.post(
        '/',
        { schema: { body: { type: 'object', properties: { value: schema } } } },
        () => '',
      );
      const answer = await checker.inject({
        method: 'POST',
        url: '/',
        payload: { value } as object,
      });
      return answer.statusCode === 200 ? '' : answer.body;
    };
  }

  /** @param place `GET /v1/status` and the key of the answer, a status or `default`. */
  async faults(
    place: { path: string; method: string; answer: string; type: string },
    value: unknown,
  ) {
    const { path, method, answer, type } = place;
    const schema = this.#document.paths[path]?.[method]?.responses[answer]?.content[type]?.schema;
    if (schema === undefined)
      return `the document has no ${type} for ${answer} of ${method} ${path}`;
    return await this.#validate(this.#whole(schema) as object, value);
  }

  /** The schema with its references replaced by what they lead to. */
  #whole(part: unknown): unknown {
    if (Array.isArray(part)) return part.map((it) => this.#whole(it));
    if (typeof part !== 'object' || part === null) return part;
    const reference = (part as Record<string, unknown>)['$ref'];
    if (typeof reference === 'string') {
      return this.#whole(this.#document.components.schemas[reference.split('/').at(-1) ?? '']);
    }
    return Object.fromEntries(Object.entries(part).map(([key, it]) => [key, this.#whole(it)]));
  }
}
