import { expect, it } from 'vitest';
import { admit, type Cluster, changeMembers, readmit, waitFor } from '../../src/index.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const RECONCILE_MS = 10_000;

async function leaderOf(cluster: Cluster): Promise<string> {
  return waitFor(
    'all members agree on a leader',
    async () => {
      const leaders = [...(await cluster.statuses()).values()].map(({ leader }) => leader);
      const [first] = leaders;
      return first && leaders.every((it) => it === first) ? first : null;
    },
    { timeoutMs: 15_000 },
  );
}

/** @returns ids of all members with a vote, sorted, as the leader knows them */
async function votersOf(cluster: Cluster): Promise<string[]> {
  const leader = cluster.firewall(await leaderOf(cluster));
  const members: { id: string; role: string }[] = JSON.parse(
    await leader.raftwall.command(['members', '--json']),
  );
  return members
    .filter(({ role }) => role !== 'learner')
    .map(({ id }) => id)
    .sort();
}

it('a fourth and a fifth firewall join under traffic, and one of them takes over', async () => {
  await withCluster({}, async (cluster) => {
    const sessions = await Sessions.open(cluster);
    await sessions.mark();
    for (const expected of [
      ['fw1', 'fw2', 'fw3', 'fw4'],
      ['fw1', 'fw2', 'fw3', 'fw4', 'fw5'],
    ]) {
      const newcomer = await cluster.addFirewall();
      await admit(cluster, newcomer);
      expect(await votersOf(cluster)).toEqual(expected);
      newcomer.startKeepalived();
      await newcomer.keepalived.waitForState('BACKUP');
    }
    await cluster.waitReady();
    await tablesAgree(cluster, { timeoutMs: RECONCILE_MS });
    await sessions.expectAllSurvive();

    // With five members two may fail.
    const holder = cluster.holder!;
    await holder.raftwall.command(['transfer', 'fw5']);
    expect(await cluster.waitActive()).toBe(cluster.firewall('fw5'));
    for (const id of ['fw1', 'fw2']) await cluster.firewall(id).powerLoss();
    await crashOf(cluster, sessions);
    await sessions.close();
  });
});

/** Both that are left need each other and the third: the active one may not fail any more, so only its daemon does. */
async function crashOf(cluster: Cluster, sessions: Sessions): Promise<void> {
  const holder = cluster.firewall('fw5');
  await holder.killDaemon();
  await sessions.mark();
  holder.startRaftwall();
  await cluster.waitReady();
  expect(await cluster.waitActive()).toBe(holder);
  await sessions.expectAllSurvive([holder]);
}

it('the leader is removed, and a dead member is replaced, under traffic', async () => {
  await withCluster({ firewalls: 4 }, async (cluster) => {
    const sessions = await Sessions.open(cluster);
    await sessions.mark();
    const leader = cluster.firewall(await leaderOf(cluster));
    await changeMembers(cluster, 'remove', leader.id);
    // It has no say any more; a person takes its machine out of service.
    const wasHolder = cluster.holder === leader;
    await leader.powerLoss();
    if (wasHolder) await cluster.waitTakeover(leader);
    await cluster.waitReady();
    const left = cluster.powered.map(({ id }) => id).sort();
    expect(await votersOf(cluster)).toEqual(left);
    await sessions.mark();
    await sessions.expectAllSurvive();

    const dead = cluster.powered.find((one) => one !== cluster.holder)!;
    await dead.powerLoss();
    await dead.powerOn();
    await readmit(cluster, dead);
    dead.startKeepalived();
    await cluster.waitReady();
    expect(await votersOf(cluster)).toEqual(left);
    await tablesAgree(cluster, { timeoutMs: RECONCILE_MS });
    await crash(cluster, await cluster.waitActive(), sessions);
    await sessions.expectAllSurvive();
    await sessions.close();
  });
});
