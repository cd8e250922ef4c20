import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import type { FlowView } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import { ProblemError } from '../problem.ts';
import type { App } from '../type-provider.ts';
import { listFlows, toJsonArray, toNdjson } from './flow-listing.ts';
import type { RouteContext } from './route-context.ts';
import { schemaOf } from './schema-check.ts';

const TupleSchema = Type.Object({
  src: Type.String(),
  dst: Type.String(),
  sport: Type.Optional(Type.Number()),
  dport: Type.Optional(Type.Number()),
  icmpType: Type.Optional(Type.Number()),
  icmpCode: Type.Optional(Type.Number()),
  icmpId: Type.Optional(Type.Number()),
});

export const FlowSchema = schemaOf<FlowView>()(
  Type.Object(
    {
      family: Type.Union([Type.Literal('ipv4'), Type.Literal('ipv6')]),
      protocol: Type.String({ description: 'Name in lower case, or the number.' }),
      zone: Type.Number(),
      original: TupleSchema,
      reply: TupleSchema,
      state: Type.Union([Type.String(), Type.Null()]),
      status: Type.Array(Type.String()),
      timeoutSeconds: Type.Number(),
      mark: Type.Number(),
      node: Type.Union([Type.String(), Type.Null()]),
    },
    { $id: 'Flow' },
  ),
);

const port = Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 }));
const word = Type.Optional(Type.String({ minLength: 1, maxLength: 32 }));
const prefix = Type.Optional(
  Type.String({ maxLength: 64, description: 'Address or CIDR prefix of the original tuple.' }),
);

const FlowsQuerySchema = Type.Object(
  {
    proto: word,
    src: prefix,
    dst: prefix,
    sport: port,
    dport: port,
    state: word,
    zone: port,
    mark: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
    origin: Type.Optional(
      Type.Union([Type.Literal('local'), Type.Literal('remote')], {
        description: 'Flows that this node is the source of, or those of others.',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { additionalProperties: false },
);

const NDJSON = 'application/x-ndjson';

/** `GET /v1/flows`: a JSON array, or with `accept: application/x-ndjson` one flow a line. */
export function addFlowRoutes(app: App, { node, limits, stopping }: RouteContext): void {
  let listings = 0;
  app.get(
    '/v1/flows',
    {
      config: { produces: ['application/json', NDJSON] },
      schema: {
        summary: 'The flows of the replicated table',
        querystring: FlowsQuerySchema,
        response: { 200: Type.Array(FlowSchema) },
      },
    },
    (request, reply) => {
      checkPrefix('src', request.query.src);
      checkPrefix('dst', request.query.dst);
      if (listings >= limits.flowListingsMax) {
        throw new ProblemError('busy', `${listings} listings of flows run already`);
      }
      listings += 1;
      const asLines = request.headers.accept?.includes(NDJSON) === true;
      const pages = listFlows(node, request.query);
      const text = asLines ? toNdjson(pages) : toJsonArray(pages);
      const stream = Readable.from(text, { objectMode: false, signal: stopping });
      // Whole listings end and then close, cut ones close only.
      let isOver = false;
      const release = () => {
        if (!isOver) listings -= 1;
        isOver = true;
      };
      stream.once('end', release).once('close', release);
      return reply.type(asLines ? NDJSON : 'application/json').send(stream);
    },
  );
}

function checkPrefix(name: string, text: string | undefined): void {
  if (text === undefined) return;
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const version = isIP(match?.[1] ?? '');
  const bits = match?.[2] === undefined ? 0 : Number(match[2]);
  if (version !== 0 && bits <= (version === 4 ? 32 : 128)) return;
  throw new ProblemError(
    'bad-request',
    `querystring/${name} must be an address or a prefix such as 10.0.0.0/8, not ${JSON.stringify(text)}`,
  );
}
