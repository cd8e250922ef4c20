import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Cluster, conntrackView, plan, waitFor } from '../../src/index.ts';
import { admitNoNewFlows, type ProtocolFlow, ProtocolFlows } from '../support/protocol-flows.ts';
import { withCluster } from '../support/with-cluster.ts';

const PORT = 7100;
/** Instead of 120 s and 30 s: the scenario of many minutes in some seconds. */
const STREAM_SECONDS = 6;
const RUN_MS = 14_000;

const udp = (label: string, localPort: number): ProtocolFlow => ({
  label,
  kind: 'udp',
  source: plan.hostA,
  destination: plan.hostB,
  localPort,
  port: PORT,
});

/** How many firewalls have the flow in their kernels, and how many flows every table has at most. */
async function whereIs(cluster: Cluster, localPort: number): Promise<number> {
  const views = await Promise.all(cluster.powered.map((it) => conntrackView(it.namespace)));
  return views.filter((flows) => flows.some((flow) => flow.includes(`sport=${localPort} `))).length;
}

it('K14 holds: a UDP stream far longer than its timeout survives, a silent one expires everywhere', async () => {
  const rules = { extra: ['-A FORWARD -i eth1 -j ACCEPT'] };
  const sysctls = {
    'net.netfilter.nf_conntrack_udp_timeout': STREAM_SECONDS,
    'net.netfilter.nf_conntrack_udp_timeout_stream': STREAM_SECONDS,
  };
  await withCluster({ rules, sysctls }, async (cluster) => {
    const { hostA: a, hostB: b } = cluster.topology;
    const stream = await ProtocolFlows.open({ a, b }, PORT, [udp('stream', 21_001)]);
    const silent = await ProtocolFlows.open({ a, b }, PORT + 1, [
      { ...udp('silent', 21_002), port: PORT + 1 },
    ]);
    await sleep(RUN_MS);
    await silent.goOn();
    expect([await whereIs(cluster, 21_001), await whereIs(cluster, 21_002)]).toEqual([3, 3]);
    silent.close();
    const loser = cluster.holder!;
    await admitNoNewFlows(cluster);
    cluster.timeline.note(`${loser.id} loses power`, 'fault');
    await loser.powerLoss();
    await cluster.waitTakeover(loser);
    await stream.goOn();
    await cluster.waitActive();
    await waitFor(
      'the silent flow is in no kernel any more',
      async () => ((await whereIs(cluster, 21_002)) === 0 ? true : null),
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    await waitFor(
      'the silent flow is in no table any more',
      async () =>
        [...(await cluster.statuses()).values()].every(({ flows }) => flows === 1) ? true : null,
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    await stream.goOn();
    expect(await whereIs(cluster, 21_001)).toBe(2);
    stream.close();
  });
});
