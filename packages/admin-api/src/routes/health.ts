import { Type } from '@sinclair/typebox';
import { ProblemError } from '../problem.ts';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';

const HealthSchema = Type.Object({ status: Type.Literal('ok') });
const ReadySchema = Type.Object({ ready: Type.Literal(true) });

/** `GET /healthz` and `GET /readyz`. */
export function addHealthRoutes(app: App, { node }: RouteContext): void {
  app.get(
    '/healthz',
    {
      config: { role: 'open' },
      schema: { summary: 'Whether the daemon answers at all', response: { 200: HealthSchema } },
    },
    () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    {
      config: { role: 'open' },
      schema: {
        summary:
          "Whether the node's kernel is level, so that it may take over; 503 with the reason",
        response: { 200: ReadySchema },
      },
    },
    () => {
      const { ready, notReadyReason } = node.status();
      if (!ready) throw new ProblemError('not-ready', notReadyReason ?? 'The node is not ready');
      return { ready: true as const };
    },
  );
}
