import { Gauge, Histogram, type Registry } from 'prom-client';

const REQUEST_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** What the API measures of itself; one set for all its listeners. */
export interface ApiMetrics {
  /** By `method`, `route` (as it is declared, never as it was asked for) and `status`. */
  readonly requestSeconds: Histogram<'method' | 'route' | 'status'>;
  readonly eventStreams: Gauge;
}

const made = new WeakMap<Registry, ApiMetrics>();

/** The metrics of the API in this registry, made when first asked for. */
export function apiMetrics(registry: Registry): ApiMetrics {
  const known = made.get(registry);
  if (known !== undefined) return known;
  const metrics: ApiMetrics = {
    requestSeconds: new Histogram({
      name: 'raftwall_api_request_seconds',
      help: 'Requests to the API, from the first byte to the last, by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: REQUEST_SECONDS,
      registers: [registry],
    }),
    eventStreams: new Gauge({
      name: 'raftwall_api_event_streams',
      help: 'Event streams that are open',
      registers: [registry],
    }),
  };
  made.set(registry, metrics);
  return metrics;
}
