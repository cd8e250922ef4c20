import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';
import { StatusSchema } from './status-schema.ts';

const TransferSchema = Type.Object(
  { target: Type.String({ minLength: 1, maxLength: 63, description: 'Id of a member.' }) },
  { additionalProperties: false },
);

const ReconcileSchema = Type.Object(
  { reason: Type.Optional(Type.String({ maxLength: 200, description: 'For log and status.' })) },
  { additionalProperties: false },
);

const DrainedSchema = Type.Object({ drained: Type.Boolean() });

const ReconciledSchema = Type.Object({
  lastReconcile: StatusSchema.properties.kernel.properties.lastReconcile,
});

/** `POST /v1/transfer`, `/v1/drain`, `/v1/undrain` and `/v1/reconcile`. */
export function addChangeRoutes(app: App, { node }: RouteContext): void {
  app.post(
    '/v1/transfer',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Moves leadership, and by VRRP the virtual addresses, once the target is level',
        body: TransferSchema,
        response: { 200: Type.Object({ target: Type.String() }) },
      },
    },
    async ({ body }) => {
      await node.transfer(body.target);
      return { target: body.target };
    },
  );
  const drains = {
    drain: 'Hands the traffic and leadership over and takes none until `undrain` or a restart',
    undrain: 'Ends `drain`: the node takes part again once it is level',
  } as const;
  for (const [verb, summary] of Object.entries(drains) as [keyof typeof drains, string][]) {
    app.post(
      `/v1/${verb}`,
      { config: { role: 'operator' }, schema: { summary, response: { 200: DrainedSchema } } },
      async () => {
        await node[verb]();
        return { drained: verb === 'drain' };
      },
    );
  }
  app.post(
    '/v1/reconcile',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Compares kernel and table in full, repairs, and answers when that is done',
        body: ReconcileSchema,
        response: { 200: ReconciledSchema },
      },
    },
    async ({ body }, reply) => {
      await node.reconcile(body.reason ?? 'asked for by the API');
      return reply.send({ lastReconcile: node.status().kernel.lastReconcile });
    },
  );
}
