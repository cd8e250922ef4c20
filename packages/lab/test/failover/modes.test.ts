import { it } from 'vitest';
import { type Firewall, type VrrpMode, waitFor } from '../../src/index.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const SESSIONS = 100;

/** Waits until the firewall leads and is the active node. */
async function waitLeads(firewall: Firewall): Promise<void> {
  await waitFor(
    `${firewall.id} leads and is active`,
    async () => {
      const { leader, active, epoch } = await firewall.raftwall.status();
      if (leader === firewall.id && active === firewall.id) return true;
      throw new Error(`leader ${leader}, active ${active}, epoch ${epoch}`);
    },
    { timeoutMs: 15_000 },
  );
}

it.each<VrrpMode>(['lead', 'strict'])(
  '%s: the active firewall loses power, and leadership and addresses meet again without a session lost',
  async (mode) => {
    await withCluster({ mode }, async (cluster) => {
      const sessions = await Sessions.open(cluster, { sessions: SESSIONS });
      const first = cluster.holder!;
      await waitLeads(first);
      await crash(cluster, first, sessions);
      await sessions.expectAllSurvive();
      const second = await cluster.waitActive();
      await waitLeads(second);
      await tablesAgree(cluster);
      await sessions.close();
    });
  },
);
