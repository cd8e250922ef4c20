import type { AdminPort } from '@raftwall/replicator';
import type { Registry } from 'prom-client';
import type { ApiLimits } from '../options.ts';

/** What the routes are made from. */
export interface RouteContext {
  readonly node: AdminPort;
  readonly registry: Registry;
  readonly limits: ApiLimits;
  /** The configuration in force, as `GET /v1/config` shows it. */
  readonly config: object;
  readonly dashboardFiles: Readonly<Record<string, string>>;
  /** Aborted when the API stops; streams then end. */
  readonly stopping: AbortSignal;
}
