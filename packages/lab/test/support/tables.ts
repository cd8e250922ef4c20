import { type Cluster, conntrackView, differences, waitFor } from '../../src/index.ts';

/** How long after the last packet the tables may differ. */
const AGREEMENT_MS = 1000;

/** Compares the kernels of all firewalls with power with that of the holder, NAT included.
 * @returns one line for each difference */
async function tableDifferences(cluster: Cluster, source?: string): Promise<string[]> {
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

/** Waits until the tables agree.
 * @throws {TimedOutError} If they do not in time, with the first differences. */
export async function tablesAgree(
  cluster: Cluster,
  options: { readonly timeoutMs?: number; readonly source?: string } = {},
): Promise<void> {
  await waitFor(
    'the conntrack tables agree',
    async () => {
      const found = await tableDifferences(cluster, options.source);
      if (found.length === 0) return true;
      throw new Error(`${found.length} differences:\n${found.slice(0, 6).join('\n')}`);
    },
    { timeoutMs: options.timeoutMs ?? AGREEMENT_MS },
  );
}
