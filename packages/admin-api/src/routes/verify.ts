import type { VerifyReport } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';
import { schemaOf } from './schema-check.ts';

const VerifySchema = schemaOf<VerifyReport>()(
  Type.Object(
    {
      equal: Type.Boolean(),
      nodes: Type.Array(
        Type.Object({
          node: Type.String(),
          missing: Type.Number({ description: 'Flows that the table has and the kernel lacks.' }),
          extra: Type.Number({ description: 'Flows that the kernel has and the table lacks.' }),
          different: Type.Number(),
        }),
      ),
    },
    { $id: 'VerifyReport' },
  ),
);

/** `GET /v1/verify`. */
export function addVerifyRoutes(app: App, { node }: RouteContext): void {
  app.get(
    '/v1/verify',
    {
      schema: {
        summary: 'Compares the kernel with the table, and the members with one another',
        response: { 200: VerifySchema },
      },
    },
    async (_request, reply) => reply.send(await node.verify()),
  );
}
