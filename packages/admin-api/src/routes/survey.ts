import type { SurveyReport } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';
import { schemaOf } from './schema-check.ts';

const SurveySchema = schemaOf<SurveyReport>()(
  Type.Object(
    {
      durationMs: Type.Number({ description: 'How long the answers took.' }),
      nodes: Type.Array(
        Type.Object({
          node: Type.String(),
          answered: Type.Boolean({ description: 'Whether the member has said anything.' }),
          wallClockMs: Type.Number({ description: 'Its wall clock when it answered.' }),
          facts: Type.Record(Type.String(), Type.String(), {
            description: 'Settings by name; rules are there as a digest of each table.',
          }),
        }),
      ),
    },
    { $id: 'SurveyReport' },
  ),
);

/** `GET /v1/survey`. */
export function addSurveyRoutes(app: App, { node }: RouteContext): void {
  app.get(
    '/v1/survey',
    {
      schema: {
        summary: 'How every member is set up, for comparison',
        response: { 200: SurveySchema },
      },
    },
    async (_request, reply) => reply.send(await node.survey()),
  );
}
