import { type Cluster, tableDifferences, waitFor } from '../../src/index.ts';

/** How long after the last packet the tables may differ. */
const AGREEMENT_MS = 1000;

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
