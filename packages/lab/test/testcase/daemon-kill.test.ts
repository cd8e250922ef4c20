import { expect, it } from 'vitest';
import { Traffic } from '../../src/index.ts';
import { Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

/** After a restart the node reconciles; this long the tables may differ. */
const RECONCILE_MS = 10_000;

it('kill -9 of the active raftwalld cuts no session, and what it missed is made good', async () => {
  await withCluster({}, async (cluster) => {
    const holder = cluster.holder!;
    const sessions = await Sessions.open(cluster);
    await holder.killDaemon();
    await sessions.mark();
    await sessions.expectAllSurvive();
    expect(cluster.holder).toBe(holder);

    // Flows that begin and end while nobody listens.
    await sessions.close();
    const { hostA, hostB } = cluster.topology;
    const later = await Traffic.open({ a: hostA, b: hostB }, { sessions: 100 });
    holder.startRaftwall();
    await cluster.waitReady();
    expect(await cluster.waitActive()).toBe(holder);
    await tablesAgree(cluster, { timeoutMs: RECONCILE_MS });
    await later.mark();
    expect(await later.settle()).toMatchObject({ survived: 100, faults: {} });
    await later.close();
  });
});

it('kill -9 of a standby raftwalld leaves its kernel alone', async () => {
  await withCluster({}, async (cluster) => {
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    await tablesAgree(cluster);
    const standby = cluster.firewalls.find((firewall) => firewall !== cluster.holder)!;
    await standby.killDaemon();
    await tablesAgree(cluster);
    standby.startRaftwall();
    await cluster.waitReady();
    await tablesAgree(cluster, { timeoutMs: RECONCILE_MS });
    await sessions.close();
  });
});
