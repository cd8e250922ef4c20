import { expect, it } from 'vitest';
import { type Firewall, seedFlows, waitFor } from '../../src/index.ts';
import { seedCluster, seededCount } from '../support/flows.ts';
import { withCluster } from '../support/with-cluster.ts';

const FLOWS = 2_000;

/** Waits until the firewall says why it is not ready. */
async function waitNotReady(firewall: Firewall): Promise<string> {
  return waitFor(
    `${firewall.id} is not ready`,
    async () => (await firewall.raftwall.status()).notReadyReason,
    { timeoutMs: 10_000 },
  );
}

it('K16 K15 by hand: `conntrack -F` on a standby is undone and on the active firewall means it; a flushed ruleset ends readiness', async () => {
  await withCluster({}, async (cluster) => {
    const holder = cluster.holder!;
    const [standby, other] = cluster.firewalls.filter((it) => it !== holder) as [
      Firewall,
      Firewall,
    ];
    await seedCluster(cluster, FLOWS);

    await standby.namespace.exec('conntrack', ['-F']);
    await waitFor(
      'the standby has its flows again',
      async () => ((await seededCount(standby)) === FLOWS ? true : null),
      { timeoutMs: 10_000 },
    );
    expect([await seededCount(holder), await seededCount(other)]).toEqual([FLOWS, FLOWS]);

    await standby.namespace.exec('nft', ['flush', 'ruleset']);
    expect(await waitNotReady(standby)).toMatch(/tracks no IPv4|no NAT chain/);
    await standby.reloadRuleset();
    await cluster.waitReady();

    await holder.namespace.exec('conntrack', ['-F']);
    await waitFor(
      'the flows are gone everywhere',
      async () => {
        const counts = await Promise.all(cluster.firewalls.map(seededCount));
        const tables = [...(await cluster.statuses()).values()].map(({ flows }) => flows);
        return Math.max(...counts) === 0 && Math.max(...tables) < 50 ? true : null;
      },
      { timeoutMs: 10_000 },
    );
    expect(cluster.holder).toBe(holder);
  });
});

it('K15 room: a standby with a smaller kernel.maxEntries is not ready, says why, and the others are', async () => {
  const kernel = (index: number): object => (index === 3 ? { maxEntries: 1_000 } : {});
  await withCluster({ kernel }, async (cluster) => {
    const small = cluster.firewall('fw3');
    const { directory } = cluster;
    await seedFlows(cluster.holder!.namespace, { count: FLOWS, directory });
    expect(await waitNotReady(small)).toMatch(/no room .*kernel\.maxEntries is 1000/);
    expect(await small.kernelFlowCount()).toBeLessThanOrEqual(1_000);
    for (const id of ['fw1', 'fw2']) {
      await waitFor(
        `${id} has all flows and is ready`,
        async () => {
          const { ready, flows } = await cluster.firewall(id).raftwall.status();
          return ready && flows >= FLOWS ? true : null;
        },
        { timeoutMs: 10_000 },
      );
    }
  });
});
