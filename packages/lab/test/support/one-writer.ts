import { expect } from 'vitest';
import { type Cluster, type Firewall, waitFor } from '../../src/index.ts';

/** Waits until all members with power name the same active node and epoch, and no split is reported. @returns the active one */
export async function oneWriter(cluster: Cluster): Promise<Firewall> {
  const active = await cluster.waitActive(20_000);
  await waitFor(
    'all members agree on one epoch, and nobody sees two masters',
    async () => {
      const all = [...(await cluster.statuses()).values()];
      const epochs = new Set(all.map(({ epoch }) => epoch));
      const isSplit = all.some(({ vrrp }) => vrrp?.splitVip === true);
      return all.length === cluster.powered.length && epochs.size === 1 && !isSplit ? true : null;
    },
    { timeoutMs: 20_000 },
  );
  return active;
}

/** Every member decided alike who was active when. */
export async function sameActivations(cluster: Cluster): Promise<void> {
  const texts = await Promise.all(
    cluster.powered.map(({ raftwall }) => raftwall.command(['activations', '--json'])),
  );
  const [first, ...others] = texts.map((text) => JSON.parse(text) as object[]);
  for (const other of others) expect(other).toEqual(first);
}
