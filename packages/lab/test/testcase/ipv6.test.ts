import { expect, it } from 'vitest';
import { conntrackView, plan } from '../../src/index.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

it('the test case over IPv6: translated sessions survive the power loss', async () => {
  await withCluster({ rules: { ipv6: true } }, async (cluster) => {
    const sessions = await Sessions.open(cluster, { host: plan.hostB6 });
    await tablesAgree(cluster, { source: plan.hostA6 });
    const flows = await conntrackView(cluster.holder!.namespace, { source: plan.hostA6 });
    expect(flows[0]).toContain(`dst=${plan.virtualRight6}`);
    await crash(cluster, cluster.holder!, sessions);
    await sessions.expectAllSurvive();
    await sessions.close();
  });
});
