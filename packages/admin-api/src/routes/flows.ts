import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import type { AdminPort, FlowView } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { ProblemError } from '../problem.ts';
import type { App } from '../type-provider.ts';
import { consistency, settle } from './consistency.ts';
import { cursorText, FIRST, parseCursor } from './flow-cursor.ts';
import { type ListingQuery, listFlows, toJsonArray, toNdjson } from './flow-listing.ts';
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

/** Flows of one page, unless told otherwise, and at most. */
const PAGE_FLOWS = 1000;
const PAGE_FLOWS_MAX = 10_000;

const port = Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 }));
const word = Type.Optional(Type.String({ minLength: 1, maxLength: 32 }));
const prefix = Type.Optional(
  Type.String({ maxLength: 64, description: 'Address or CIDR prefix of the original tuple.' }),
);

const conditions = {
  proto: word,
  src: prefix,
  dst: prefix,
  sport: port,
  dport: port,
  state: word,
  zone: port,
  mark: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
};

const FlowsQuerySchema = Type.Object(
  {
    ...conditions,
    origin: Type.Optional(
      Type.Union([Type.Literal('local'), Type.Literal('remote')], {
        description: 'Flows that this node is the source of, or those of others.',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 0 })),
    cursor: Type.Optional(
      Type.String({
        maxLength: 64,
        description: `Gives one page: \`${FIRST}\`, or what the header \`link\` (rel="next") of the page before names. At most ${PAGE_FLOWS_MAX} flows, ${PAGE_FLOWS} unless \`limit\` says otherwise.`,
      }),
    ),
    consistency,
  },
  { additionalProperties: false },
);

const DeleteQuerySchema = Type.Object(
  {
    ...conditions,
    all: Type.Optional(Type.Literal(true, { description: 'Wanted where there is no condition.' })),
  },
  { additionalProperties: false },
);

const NDJSON = 'application/x-ndjson';

/** `GET /v1/flows`: a JSON array, whole or by pages, or with `accept: application/x-ndjson` one flow a line; `DELETE /v1/flows`. */
export function addFlowRoutes(app: App, context: RouteContext): void {
  const { node } = context;
  const streams = new FlowStreams(context);
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
    async ({ query, headers }, reply) => {
      checkPrefixes(query);
      const { cursor, consistency: wanted, ...listing } = query;
      const from = cursor === undefined ? null : parseCursor(cursor);
      await settle(node, wanted);
      if (from !== null) return sendPage(reply, node, { listing, from });
      const asLines = headers.accept?.includes(NDJSON) === true;
      const stream = streams.open(listing, asLines ? toNdjson : toJsonArray);
      return reply.type(asLines ? NDJSON : 'application/json').send(stream);
    },
  );
  app.delete(
    '/v1/flows',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Ends the flows that match, on the active node; the others follow',
        querystring: DeleteQuerySchema,
        response: { 200: Type.Object({ deleted: Type.Integer() }) },
      },
    },
    async ({ query: { all, ...query } }) => {
      checkPrefixes(query);
      if (Object.keys(query).length === 0 && all !== true) {
        throw new ProblemError('bad-request', 'querystring needs a condition, or all=true');
      }
      return { deleted: await node.deleteFlows(query) };
    },
  );
}

/** Listings that are being written; so many at the same time. */
class FlowStreams {
  readonly #context: RouteContext;
  #open = 0;

  constructor(context: RouteContext) {
    this.#context = context;
  }

  /** @throws {ProblemError} `busy` if too many are open. */
  open(
    listing: ListingQuery,
    write: (pages: ReturnType<typeof listFlows>) => AsyncIterable<string>,
  ) {
    const { node, limits, stopping } = this.#context;
    if (this.#open >= limits.flowListingsMax) {
      throw new ProblemError('busy', `${this.#open} listings of flows run already`);
    }
    this.#open += 1;
    const text = write(listFlows(node, listing));
    const stream = Readable.from(text, { objectMode: false, signal: stopping });
    // Whole listings end and then close, cut ones close only.
    let isOver = false;
    const release = () => {
      if (!isOver) this.#open -= 1;
      isOver = true;
    };
    stream.once('end', release).once('close', release);
    return stream;
  }
}

interface PageRequest {
  readonly listing: ListingQuery;
  readonly from: number;
}

async function sendPage(reply: FastifyReply, node: AdminPort, { listing, from }: PageRequest) {
  const { limit = PAGE_FLOWS, origin, ...query } = listing;
  if (limit < 1 || limit > PAGE_FLOWS_MAX || origin !== undefined) {
    const detail = `A page has 1 to ${PAGE_FLOWS_MAX} flows and knows no origin`;
    throw new ProblemError('bad-request', detail);
  }
  const { flows, next } = await node.flowPage(query, from, limit);
  if (next !== null) {
    const parameters = new URLSearchParams({ limit: String(limit), cursor: cursorText(next) });
    for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
    reply.header('link', `</v1/flows?${parameters}>; rel="next"`);
  }
  return reply.send(flows);
}

function checkPrefixes({ src, dst }: { readonly src?: string; readonly dst?: string }): void {
  checkPrefix('src', src);
  checkPrefix('dst', dst);
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
