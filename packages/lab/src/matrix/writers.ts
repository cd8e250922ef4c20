import type { Cluster } from '../cluster.ts';

/**
 * Looks through what every member has applied for an epoch that two nodes believe to be theirs: whoever holds an epoch
 * writes, so there must be none (rules A1 and A3).
 * @returns one sentence for each
 */
export async function writerConflicts(cluster: Cluster): Promise<readonly string[]> {
  const holders = new Map<string, Set<string>>();
  for (const { raftwall } of cluster.powered) {
    for (const { group, epoch, node, accepted } of await raftwall.activations()) {
      if (!accepted) continue;
      const key = `epoch ${epoch} of ${group}`;
      holders.set(key, (holders.get(key) ?? new Set()).add(node));
    }
  }
  return [...holders]
    .filter(([, nodes]) => nodes.size > 1)
    .map(([epoch, nodes]) => `${epoch} was held by ${[...nodes].join(' and ')}`);
}
