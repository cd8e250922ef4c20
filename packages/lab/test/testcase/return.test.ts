import { expect, it } from 'vitest';
import { crash, Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

it('K9 return: a firewall comes back with an empty kernel, catches up, and the next one may fail', async () => {
  await withCluster({}, async (cluster) => {
    const first = cluster.holder!;
    const sessions = await Sessions.open(cluster);
    await crash(cluster, first, sessions);
    await sessions.expectAllSurvive();
    await cluster.waitActive();

    await first.powerOn();
    first.startRaftwall();
    first.startKeepalived();
    await cluster.waitReady();
    await tablesAgree(cluster);
    const second = await cluster.waitActive();
    expect(second.id).not.toBe(first.id);

    await crash(cluster, second, sessions);
    await sessions.expectAllSurvive();
    await cluster.waitActive();
    await sessions.close();
  });
});

it('a firewall whose kernel kept its flows comes back without undoing anything', async () => {
  await withCluster({}, async (cluster) => {
    const first = cluster.holder!;
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    await crash(cluster, first, sessions);
    await sessions.expectAllSurvive();
    await first.powerOn({ emptyKernel: false });
    first.startRaftwall();
    first.startKeepalived();
    await cluster.waitReady();
    await sessions.mark();
    await sessions.expectAllSurvive();
    await tablesAgree(cluster);
    await sessions.close();
  });
});
