import { STATUS_CODES } from 'node:http';
import type { TSchema } from '@sinclair/typebox';
import type { RouteOptions } from 'fastify';
import { PROBLEM_TYPE, ProblemSchema } from './problem.ts';

/** The part of a fastify route that the document is made from. */
export type DocumentedRoute = Pick<RouteOptions, 'method' | 'url' | 'schema' | 'config'>;

type Json = Readonly<Record<string, unknown>>;

/** @returns The OpenAPI 3.1 document of the routes; schemas with an `$id` become shared components. */
export function openApiDocument(routes: readonly DocumentedRoute[], version: string): Json {
  const components = new Map<string, Json>();
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const methods = [route.method].flat().filter((method) => method !== 'HEAD');
    for (const method of methods) {
      paths[route.url] ??= {};
      Object.assign(paths[route.url] ?? {}, {
        [method.toLowerCase()]: operationOf(route, components),
      });
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'raftwall admin API',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: Object.fromEntries(components),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf({ schema = {}, config }: DocumentedRoute, components: Map<string, Json>) {
  const { summary, querystring, body, response } = schema;
  const share = (part: unknown) => shared(part, components);
  const produces = config?.produces ?? ['application/json'];
  return {
    summary,
    ...(config?.role === 'open' ? {} : { security: [{}, { token: [] }] }),
    ...(querystring === undefined ? {} : { parameters: parametersOf(querystring, share) }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: contentOf(['application/json'], share(body)) } }),
    responses: {
      ...responsesOf(response, { produces, share }),
      default: {
        description: 'A problem (RFC 9457)',
        content: contentOf([PROBLEM_TYPE], share(ProblemSchema)),
      },
    },
  };
}

interface Rendering {
  readonly produces: readonly string[];
  readonly share: (part: unknown) => Json;
}

function responsesOf(response: unknown, { produces, share }: Rendering): Json {
  const entries = Object.entries((response ?? {}) as Record<string, unknown>);
  return Object.fromEntries(
    entries.map(([status, schema]) => [
      status,
      { description: STATUS_CODES[status] ?? status, content: contentOf(produces, share(schema)) },
    ]),
  );
}

function contentOf(types: readonly string[], schema: Json): Json {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function parametersOf(querystring: unknown, share: (part: unknown) => Json): Json[] {
  const { properties, required = [] } = querystring as TSchema;
  return Object.entries(properties as Record<string, TSchema>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(schema.description === undefined ? {} : { description: schema.description }),
    schema: share(schema),
  }));
}

/** Replaces every schema that has an `$id` by a reference to the component of that name. */
function shared(part: unknown, components: Map<string, Json>): Json {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const { $id, ...rest } = value as Record<string, unknown>;
    const plain = Object.fromEntries(Object.entries(rest).map(([key, it]) => [key, walk(it)]));
    if (typeof $id !== 'string') return plain;
    components.set($id, plain);
    return { $ref: `#/components/schemas/${$id}` };
  };
  return walk(part) as Json;
}
