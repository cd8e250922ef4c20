import { expect, it } from 'vitest';
import { conntrackView } from '../../src/index.ts';
import { allAgree, CHURN_SOURCE, churn } from '../support/churn.ts';
import { withCluster } from '../support/with-cluster.ts';

const long = process.env['RAFTWALL_TEST_LONG'] === '1';
const FLOWS = long ? 1_000_000 : 100_000;
const PER_SECOND = 20_000;

it(`K3 disbelieve impossible orders: ${FLOWS} flows are made on one CPU while they are flushed on another: no zombie`, {
  timeout: (FLOWS / PER_SECOND + 240) * 1000,
}, async () => {
  await withCluster({}, async (cluster) => {
    const holder = cluster.holder!;
    const seconds = FLOWS / PER_SECOND;
    let isOver = false;
    const load = churn(holder, { perSecond: PER_SECOND, seconds, lifeMs: 0 }).finally(() => {
      isOver = true;
    });
    let flushes = 0;
    while (!isOver) {
      await holder.namespace.exec('conntrack', ['-D', '-s', CHURN_SOURCE]).catch(() => undefined);
      flushes += 1;
    }
    expect((await load).made).toBe(FLOWS);
    expect(flushes).toBeGreaterThan(5);
    await allAgree(cluster, 60_000);
    await holder.namespace.exec('conntrack', ['-D', '-s', CHURN_SOURCE]).catch(() => undefined);
    await allAgree(cluster, 20_000);
    for (const { namespace } of cluster.firewalls) {
      expect(await conntrackView(namespace, { source: CHURN_SOURCE })).toEqual([]);
    }
  });
});
