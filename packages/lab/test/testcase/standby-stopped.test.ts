import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { allAgree, churn } from '../support/churn.ts';
import { Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

const long = process.env['RAFTWALL_TEST_LONG'] === '1';
const STOPPED_SECONDS = long ? 60 : 6;

it('the daemon of a standby is stopped under load and started again: equal tables, no session disturbed', {
  timeout: (STOPPED_SECONDS + 240) * 1000,
}, async () => {
  await withCluster({}, async (cluster) => {
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    const holder = cluster.holder!;
    const standby = cluster.firewalls.find((it) => it !== holder)!;
    const load = churn(holder, { perSecond: 5_000, seconds: STOPPED_SECONDS + 6, lifeMs: 1_000 });
    await sleep(1_000);
    expect(await standby.stopDaemon()).toBe(0);
    await sessions.mark();
    await sleep(STOPPED_SECONDS * 1000);
    standby.startRaftwall();
    await cluster.waitReady();
    const { made } = await load;
    expect(made).toBeGreaterThan(0);
    await allAgree(cluster, 60_000);
    expect(cluster.holder).toBe(holder);
    await sessions.expectAllSurvive();
    await sessions.close();
  });
});
