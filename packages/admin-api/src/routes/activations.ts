import type { ActivationView } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import { consistency, settle } from './consistency.ts';
import type { RouteContext } from './route-context.ts';
import { schemaOf } from './schema-check.ts';

const ActivationSchema = schemaOf<ActivationView>()(
  Type.Object(
    {
      index: Type.Number({ description: 'Index of the log entry.' }),
      group: Type.String(),
      epoch: Type.Number(),
      node: Type.String(),
      accepted: Type.Boolean(),
      refusedReason: Type.Union([Type.String(), Type.Null()]),
    },
    { $id: 'Activation' },
  ),
);

/** `GET /v1/activations`. */
export function addActivationRoutes(app: App, { node }: RouteContext): void {
  app.get(
    '/v1/activations',
    {
      schema: {
        querystring: Type.Object({ consistency }, { additionalProperties: false }),
        summary: 'The last activations as they were decided, newest last',
        response: { 200: Type.Array(ActivationSchema) },
      },
    },
    async ({ query }, reply) => {
      await settle(node, query.consistency);
      return reply.send(node.activations());
    },
  );
}
