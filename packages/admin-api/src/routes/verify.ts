import type { VerifyReport } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import { FlowSchema } from './flows.ts';
import type { RouteContext } from './route-context.ts';
import { schemaOf } from './schema-check.ts';

const DifferenceSchema = Type.Object({
  place: Type.Union([Type.Literal('kernel'), Type.Literal('table')]),
  kind: Type.Union([Type.Literal('missing'), Type.Literal('extra'), Type.Literal('different')]),
  attributes: Type.Array(Type.String(), { description: 'What is different, such as mark.' }),
  flow: FlowSchema,
});

const NodeSchema = Type.Object({
  node: Type.String(),
  answered: Type.Boolean({ description: 'Whether the member has said what it found.' }),
  missing: Type.Number({ description: 'Flows that the table has and the kernel lacks.' }),
  extra: Type.Number({ description: 'Flows that the kernel has and the table lacks.' }),
  different: Type.Number(),
  tableRanges: Type.Number({
    description: 'Key ranges, of 256, in which the table differs from that of the reference.',
  }),
  table: Type.Object(
    { missing: Type.Number(), extra: Type.Number(), different: Type.Number() },
    { description: 'Its table against that of the reference, flow by flow.' },
  ),
  differences: Type.Array(DifferenceSchema, {
    description: 'The first of all these, one by one.',
  }),
});

const VerifySchema = schemaOf<VerifyReport>()(
  Type.Object(
    {
      equal: Type.Boolean(),
      reference: Type.String({ description: 'With whose table the others were compared.' }),
      rangesCompared: Type.Number({
        description: 'Key ranges compared flow by flow; those beyond a bound are counted only.',
      }),
      nodes: Type.Array(NodeSchema),
    },
    { $id: 'VerifyReport' },
  ),
);

/** `GET /v1/verify`, and `POST /v1/verify` that mends the kernels first. */
export function addVerifyRoutes(app: App, { node }: RouteContext): void {
  app.get(
    '/v1/verify',
    {
      schema: {
        summary: 'Compares the kernel with the table, and the members with one another',
        response: { 200: VerifySchema },
      },
    },
    async (_request, reply) => reply.send(await node.verify(false)),
  );
  app.post(
    '/v1/verify',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Mends what differs between kernel and table on every member, then compares',
        response: { 200: VerifySchema },
      },
    },
    async (_request, reply) => reply.send(await node.verify(true)),
  );
}
