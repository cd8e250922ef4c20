import { type Cluster, conntrackView, type Firewall, seedFlows, waitFor } from '../../src/index.ts';

/** The first source of the flows that {@link seedFlows} makes. */
export const SEEDED_SOURCE = '10.50.0.1';

/** Puts `count` other flows into the holder's kernel and waits until every firewall has them. */
export async function seedCluster(cluster: Cluster, count: number): Promise<void> {
  const holder = cluster.holder!;
  await seedFlows(holder.namespace, { count, directory: cluster.directory });
  await waitFor(
    `${count} seeded flows are in every kernel and table`,
    async () => {
      const kernels = await Promise.all(cluster.powered.map((one) => one.kernelFlowCount()));
      const tables = [...(await cluster.statuses()).values()].map((status) => status.flows);
      if (Math.min(...kernels, ...tables) >= count) return true;
      throw new Error(`kernels ${kernels}, tables ${tables}`);
    },
    { timeoutMs: 60_000, intervalMs: 250 },
  );
  cluster.timeline.note(`${count} other flows are on every firewall`);
}

/** @returns how many flows of the first seeded source its kernel has */
export async function seededCount(firewall: Firewall): Promise<number> {
  return (await conntrackView(firewall.namespace, { source: SEEDED_SOURCE })).length;
}
