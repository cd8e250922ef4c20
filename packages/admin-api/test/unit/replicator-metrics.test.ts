import { ReplicatorCounters } from '@raftwall/replicator';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { registerReplicatorMetrics } from '../../src/replicator-metrics.ts';

describe('registerReplicatorMetrics', () => {
  it('shows what the replicator counts at the moment of the scrape, every counter named _total', async () => {
    const counters = new ReplicatorCounters();
    const registry = new Registry();
    registerReplicatorMetrics(registry, counters);
    counters.operationsRefused['stale-epoch'] = 3;
    counters.overruns = 2;
    const first = await registry.metrics();
    expect(first).toContain('raftwall_apply_refused_operations_total{reason="stale-epoch"} 3');
    expect(first).toContain('raftwall_kernel_event_overruns_total 2');
    counters.overruns = 5;
    expect(await registry.metrics()).toContain('raftwall_kernel_event_overruns_total 5');
    for (const { name } of await registry.getMetricsAsJSON()) expect(name).toMatch(/_total$/);
  });
});
