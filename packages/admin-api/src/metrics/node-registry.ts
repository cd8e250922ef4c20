import type { AdminPort, ReplicatorCounters } from '@raftwall/replicator';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { registerNodeMetrics } from '../node-metrics.ts';
import { registerReplicatorMetrics } from '../replicator-metrics.ts';
import { apiMetrics } from './api-metrics.ts';
import { type MetricsOf, register } from './described-metrics.ts';
import { RAFT_METRICS } from './raft-metrics.ts';
import { CHECKPOINT_METRICS, LOG_METRICS, SNAPSHOT_METRICS } from './storage-metrics.ts';
import { registerTableMetrics, type TableUsage } from './table-metrics.ts';
import { TakeoverMetrics } from './takeover-metrics.ts';
import { TRANSPORT_METRICS } from './transport-metrics.ts';

/** Gauges of prom-client that are named as counters; what they count is there by type as well. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** What is looked at when somebody scrapes. */
export interface Observed {
  readonly node: Pick<AdminPort, 'status' | 'onEvent'>;
  /** Null leaves out what the replicator counts. */
  readonly counters: ReplicatorCounters | null;
  /** Null leaves out the sizes of the table. */
  readonly tableUsage: (() => TableUsage) | null;
}

/** All metrics of one node: those that its parts count by, and those that are read from it. */
export class NodeRegistry {
  readonly registry = new Registry();
  readonly raft: MetricsOf<typeof RAFT_METRICS>;
  readonly log: MetricsOf<typeof LOG_METRICS>;
  readonly snapshots: MetricsOf<typeof SNAPSHOT_METRICS>;
  readonly checkpoint: MetricsOf<typeof CHECKPOINT_METRICS>;
  readonly transport: MetricsOf<typeof TRANSPORT_METRICS>;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
    this.raft = register(this.registry, RAFT_METRICS);
    this.log = register(this.registry, LOG_METRICS);
    this.snapshots = register(this.registry, SNAPSHOT_METRICS);
    this.checkpoint = register(this.registry, CHECKPOINT_METRICS);
    this.transport = register(this.registry, TRANSPORT_METRICS);
    apiMetrics(this.registry);
  }

  /** Adds what is read from the node; once. */
  observe({ node, counters, tableUsage }: Observed): void {
    registerNodeMetrics(this.registry, node);
    new TakeoverMetrics(this.registry, node);
    if (counters !== null) registerReplicatorMetrics(this.registry, counters);
    if (tableUsage !== null) registerTableMetrics(this.registry, tableUsage);
  }
}
