import type { NodeEvent } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { apiMetrics } from '../metrics/api-metrics.ts';
import { ProblemError } from '../problem.ts';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';

/** How often an idle stream shows that it lives; proxies cut connections that are silent for a minute. */
const KEEP_ALIVE_MS = 15_000;

const EVENT_STREAM = 'text/event-stream';

const KINDS: readonly NodeEvent['kind'][] = [
  'role',
  'leader',
  'activation',
  'vrrp',
  'ready',
  'reconcile',
  'snapshot',
  'storage',
];

const EventsQuerySchema = Type.Object(
  {
    kinds: Type.Optional(
      Type.String({
        pattern: `^(${KINDS.join('|')})(,(${KINDS.join('|')}))*$`,
        description: `Only these kinds, with commas between: ${KINDS.join(', ')}.`,
      }),
    ),
  },
  { additionalProperties: false },
);

/** `GET /v1/events`: server-sent events, each with a `NodeEvent` as its data. */
export function addEventRoutes(app: App, context: RouteContext): void {
  let streams = 0;
  const open = apiMetrics(context.registry).eventStreams;
  app.get(
    '/v1/events',
    {
      config: { produces: [EVENT_STREAM] },
      schema: {
        summary: 'What happens on this node, as server-sent events',
        querystring: EventsQuerySchema,
        response: { 200: Type.String({ description: 'data: one NodeEvent as JSON.' }) },
      },
    },
    ({ query }, reply) => {
      const kinds = query.kinds === undefined ? null : new Set(query.kinds.split(','));
      if (streams >= context.limits.eventStreamsMax) {
        throw new ProblemError('busy', `${streams} event streams are open already`);
      }
      streams += 1;
      open.inc();
      reply.hijack();
      const onClose = () => {
        streams -= 1;
        open.dec();
      };
      streamEvents(reply, context, { kinds, onClose });
    },
  );
}

interface Wanted {
  /** Null means all. */
  readonly kinds: ReadonlySet<string> | null;
  readonly onClose: () => void;
}

function streamEvents(
  reply: FastifyReply,
  context: RouteContext,
  { kinds, onClose }: Wanted,
): void {
  const { node, limits, stopping } = context;
  const response = reply.raw;
  response.writeHead(200, { 'content-type': EVENT_STREAM, 'cache-control': 'no-store' });
  const write = (text: string) => {
    // A reader that does not keep up is cut off; it comes back by itself and asks for the status anew.
    if (response.writableLength > limits.eventBacklogBytesMax) response.destroy();
    else response.write(text);
  };
  write('retry: 2000\n\n');
  const unsubscribe = node.onEvent((event) => {
    if (kinds === null || kinds.has(event.kind)) write(toFrame(event));
  });
  const keepAlive = setInterval(() => write(': alive\n\n'), KEEP_ALIVE_MS);
  const end = () => response.end();
  stopping.addEventListener('abort', end);
  response.once('close', () => {
    clearInterval(keepAlive);
    stopping.removeEventListener('abort', end);
    unsubscribe();
    onClose();
  });
}

function toFrame(event: NodeEvent): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}
