import type { Cluster } from './cluster.ts';
import { conntrackView, differences } from './conntrack-view.ts';

/** Compares the kernels of all firewalls with power with that of the holder, NAT included.
 * @param source of the flows that are compared; by default host A
 * @returns one line for each difference */
export async function tableDifferences(cluster: Cluster, source?: string): Promise<string[]> {
  const filter = source === undefined ? {} : { source };
  const views = await Promise.all(
    cluster.powered.map(async (firewall) => ({
      firewall,
      flows: await conntrackView(firewall.namespace, filter),
    })),
  );
  const truth = views.find(({ firewall }) => firewall === cluster.holder);
  if (truth === undefined) return ['nobody holds the virtual addresses'];
  return views.flatMap(({ firewall, flows }) =>
    differences(truth.flows, flows).map((line) => `${firewall.id} ${line}`),
  );
}
