import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';
import { MemberSchema, StatusSchema } from './status-schema.ts';

/** `GET /v1/status` and `GET /v1/members`. */
export function addStatusRoutes(app: App, { node }: RouteContext): void {
  app.get(
    '/v1/status',
    {
      schema: {
        summary: 'What this node knows of itself and its cluster',
        response: { 200: StatusSchema },
      },
    },
    (_request, reply) => reply.send(node.status()),
  );
  app.get(
    '/v1/members',
    {
      schema: {
        summary: 'The members of the cluster',
        response: { 200: Type.Array(MemberSchema) },
      },
    },
    (_request, reply) => reply.send(node.status().members),
  );
}
