import { rmSync } from 'node:fs';
import { firewallAddresses, plan } from '../address-plan.ts';
import type { Cluster } from '../cluster.ts';
import type { Firewall } from '../firewall.ts';
import { waitFor } from '../wait.ts';

const CHANGE_MS = 30_000;

/** Runs `raftwall members ...` on whoever leads, again while no leader takes it. */
export function changeMembers(cluster: Cluster, ...words: readonly string[]): Promise<string> {
  return waitFor(
    `members ${words.join(' ')}`,
    async () => {
      const all = [...(await cluster.statuses()).values()];
      const leader = all.find(({ role }) => role === 'leader')?.node;
      if (leader === undefined) return null;
      return cluster.firewall(leader).raftwall.command(['members', ...words]);
    },
    { timeoutMs: CHANGE_MS, intervalMs: 200 },
  );
}

/** The address under which the others reach it. */
function memberAddress({ index }: Firewall): string {
  return `${firewallAddresses(index).members}:${plan.peerPort}`;
}

/** Takes a member with an empty disk in, as one that has no vote until it is level. */
export async function admit(cluster: Cluster, newcomer: Firewall): Promise<void> {
  newcomer.startRaftwall(true);
  await changeMembers(cluster, 'add', newcomer.id, memberAddress(newcomer));
  // Refused, and asked again, until it is level; whoever leads by then.
  await changeMembers(cluster, 'promote', newcomer.id);
}

/** What a person does for a member whose disk is lost: remove it, empty the disk, add it anew. */
export async function readmit(cluster: Cluster, victim: Firewall): Promise<void> {
  await victim.killDaemon();
  await changeMembers(cluster, 'remove', victim.id);
  rmSync(victim.dataDirectory, { recursive: true, force: true });
  await admit(cluster, victim);
}
