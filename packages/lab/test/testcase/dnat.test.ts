import { expect, it } from 'vitest';
import { conntrackView, plan } from '../../src/index.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

it('sessions to a port forwarded from the virtual address survive, both ends translated', async () => {
  await withCluster({ rules: { dnat: true } }, async (cluster) => {
    const { virtualLeft, forwardedPort } = plan;
    const sessions = await Sessions.open(cluster, { host: virtualLeft, port: forwardedPort });
    await tablesAgree(cluster);
    const flows = await conntrackView(cluster.holder!.namespace);
    const forwarded = flows.filter((flow) => flow.includes(`dport=${forwardedPort}`));
    expect(forwarded).toHaveLength(200);
    expect(forwarded[0]).toContain(
      `src=${plan.hostB} dst=${plan.virtualRight} sport=${plan.echoPort}`,
    );
    await crash(cluster, cluster.holder!, sessions);
    await sessions.expectAllSurvive();
    await sessions.close();
  });
});
