import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';

/** `GET /metrics`. */
export function addMetricsRoutes(app: App, { registry }: RouteContext): void {
  app.get(
    '/metrics',
    {
      config: { produces: [registry.contentType] },
      schema: {
        summary: 'Metrics in the text format of Prometheus',
        response: { 200: Type.String() },
      },
    },
    async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  );
}
