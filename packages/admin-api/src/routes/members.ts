import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';
import { MemberSchema } from './status-schema.ts';

const IdSchema = Type.String({ minLength: 1, maxLength: 63, description: 'Id of a member.' });

const AddSchema = Type.Object(
  {
    id: IdSchema,
    address: Type.String({
      maxLength: 261,
      description: 'Where the others reach it, `host:port`.',
    }),
  },
  { additionalProperties: false },
);

const OneSchema = Type.Object({ id: IdSchema }, { additionalProperties: false });

const response = { 200: Type.Array(MemberSchema) };

/** `POST /v1/members/add`, `promote` and `remove`: asked of the leader, answered with the members that are then. */
export function addMemberRoutes(app: App, { node }: RouteContext): void {
  const config = { role: 'admin' } as const;
  app.post(
    '/v1/members/add',
    {
      config,
      schema: {
        summary: 'Adds a member that gets the log and has no vote',
        body: AddSchema,
        response,
      },
    },
    async ({ body }) => {
      await node.changeMembers({ kind: 'add', ...body });
      return [...node.status().members];
    },
  );
  const summaries = {
    promote: 'Gives a member that is level a vote',
    remove: 'Removes a member; its data directory is not taken back as it is',
  };
  for (const kind of ['promote', 'remove'] as const) {
    const schema = { summary: summaries[kind], body: OneSchema, response };
    app.post(`/v1/members/${kind}`, { config, schema }, async ({ body }) => {
      await node.changeMembers({ kind, ...body });
      return [...node.status().members];
    });
  }
}
