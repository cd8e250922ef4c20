import { expect, it } from 'vitest';
import { conntrackView, plan } from '../../src/index.ts';
import { Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

it('all kernels have the same flows, NAT included, within a second of the last packet', async () => {
  await withCluster({}, async (cluster) => {
    const sessions = await Sessions.open(cluster);
    await tablesAgree(cluster);
    for (const firewall of cluster.firewalls) {
      const flows = await conntrackView(firewall.namespace);
      expect(flows).toHaveLength(201);
      for (const flow of flows) {
        expect(flow).toMatch(/^tcp ESTABLISHED .*\[ASSURED\]/);
        expect(flow).toContain(`src=${plan.hostB} dst=${plan.virtualRight}`);
      }
    }
    // The ends of the sessions are flows' changes too.
    await sessions.close();
    await tablesAgree(cluster);
  });
});
