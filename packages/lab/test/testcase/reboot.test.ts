import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { waitFor } from '../../src/index.ts';
import { seedCluster, seededCount } from '../support/flows.ts';
import { withCluster } from '../support/with-cluster.ts';

const FLOWS = 2000;
/** Two passes of any reconcile. */
const PATIENCE_MS = 5000;

it('K8 K9 reboot: a firewall with an empty kernel that gets the address at once deletes nothing', async () => {
  await withCluster({}, async (cluster) => {
    const first = cluster.holder!;
    await seedCluster(cluster, FLOWS);
    await first.powerLoss();
    await cluster.waitTakeover(first);
    await cluster.waitActive();

    await first.powerOn();
    first.startKeepalived(200);
    await first.keepalived.waitForState('MASTER');
    expect(await seededCount(first)).toBe(0);
    first.startRaftwall();
    await waitFor(
      'the rebooted firewall has all flows in its kernel',
      async () => ((await seededCount(first)) === FLOWS ? true : null),
      { timeoutMs: 30_000 },
    );
    expect(await cluster.waitActive()).toBe(first);
    await sleep(PATIENCE_MS);
    for (const firewall of cluster.firewalls) {
      expect(await seededCount(firewall), `kernel of ${firewall.id}`).toBe(FLOWS);
    }
    for (const [node, status] of await cluster.statuses()) {
      expect(status.flows, `table of ${node}`).toBeGreaterThanOrEqual(FLOWS);
    }
  });
});
