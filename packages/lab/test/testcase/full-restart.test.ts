import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { plan, waitFor } from '../../src/index.ts';
import { seedCluster, seededCount } from '../support/flows.ts';
import { Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

const FLOWS = 2_000;
/** Half of the seeded flows are translated. */
const LEFT = FLOWS / 2;
/** Two rounds of any comparison on the active node, and a standby's repairs. */
const PATIENCE_MS = 5_000;

it('K9 restarts: of all daemons, then of all machines: no flow is injected that the active kernel does not have', async () => {
  await withCluster({}, async (cluster) => {
    const holder = cluster.holder!;
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    await seedCluster(cluster, FLOWS);
    await Promise.all(cluster.firewalls.map((firewall) => firewall.killDaemon()));
    await sessions.mark();
    // These end while nobody looks.
    const translated = ['-D', '-s', '10.50.0.1', '--reply-dst', plan.virtualRight];
    await holder.namespace.exec('conntrack', translated);
    expect(await seededCount(holder)).toBe(LEFT);
    for (const firewall of cluster.firewalls) firewall.startRaftwall();
    await cluster.waitReady();
    let mostOnHolder = 0;
    await waitFor(
      'every kernel has what the kernel of the holder has',
      async () => {
        const counts = await Promise.all(cluster.firewalls.map(seededCount));
        mostOnHolder = Math.max(mostOnHolder, await seededCount(holder));
        if (counts.every((count) => count === LEFT)) return true;
        throw new Error(`kernels ${counts}`);
      },
      { timeoutMs: 60_000, intervalMs: 250 },
    );
    expect(mostOnHolder).toBe(LEFT);
    expect(cluster.holder).toBe(holder);
    await sessions.expectAllSurvive();

    cluster.timeline.note('all machines lose power', 'fault');
    await Promise.all(cluster.firewalls.map((firewall) => firewall.powerLoss()));
    for (const firewall of cluster.firewalls) await firewall.powerOn();
    await cluster.start();
    await cluster.waitActive();
    await sleep(PATIENCE_MS);
    for (const firewall of cluster.firewalls) {
      expect(await seededCount(firewall), `kernel of ${firewall.id}`).toBe(0);
    }
    for (const [node, { flows }] of await cluster.statuses()) {
      expect(flows, `table of ${node}`).toBeLessThan(LEFT);
    }
    await sessions.close();
  });
});
