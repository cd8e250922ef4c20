import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Cluster, firewallAddresses, SshSession } from '../../src/index.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

/** What the table lacks leaves a kernel when the node has been BACKUP for 10 s (rule K10). */
const CLEANING_MS = 12_000;

/** The login goes on, and no firewall has seen a packet to itself that belonged to no flow. */
async function expectUnharmed(cluster: Cluster, login: SshSession): Promise<void> {
  login.mark();
  expect(await login.settle()).toMatchObject({ survived: true, fault: null });
  for (const firewall of cluster.powered) {
    expect((await firewall.invalidCounters()).input, firewall.id).toBe(0);
  }
  for (const status of (await cluster.statuses()).values()) expect(status.quorum).toBe(true);
}

it('K1 own sockets: a login to a firewall and the members’ links survive inject, reconcile and demotion', async () => {
  await withCluster({ rules: { guardInput: true } }, async (cluster) => {
    const [first, second, third] = cluster.firewalls;
    const login = await SshSession.open({
      directory: join(cluster.directory, 'ssh-own'),
      client: cluster.topology.hostA,
      server: second!.namespace,
      host: firewallAddresses(2).left,
    });
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    await expectUnharmed(cluster, login);
    await second!.raftwall.command(['-R']);
    await expectUnharmed(cluster, login);

    // The next holder is to be the firewall with the login.
    await third!.keepalived.stop();
    await crash(cluster, first!, sessions);
    await sessions.expectAllSurvive();
    expect(await cluster.waitActive()).toBe(second);
    await expectUnharmed(cluster, login);

    third!.startKeepalived();
    await third!.keepalived.waitForState('BACKUP');
    await second!.keepalived.stop();
    await cluster.waitTakeover(second!);
    second!.startKeepalived();
    await second!.keepalived.waitForState('BACKUP');
    await cluster.waitActive();
    await sleep(CLEANING_MS);
    await expectUnharmed(cluster, login);
    login.close();
    await sessions.close();
  });
});
