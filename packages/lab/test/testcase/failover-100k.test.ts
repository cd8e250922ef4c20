import { expect, it } from 'vitest';
import { seedCluster } from '../support/flows.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

const OTHERS = 100_000;

it.each([1, 2, 3])('run %i of 3: all survive beside 100,000 other flows', async () => {
  await withCluster({}, async (cluster) => {
    await seedCluster(cluster, OTHERS);
    const sessions = await Sessions.open(cluster);
    await crash(cluster, cluster.holder!, sessions);
    await sessions.expectAllSurvive();
    const heir = await cluster.waitActive();
    expect(await heir.kernelFlowCount()).toBeGreaterThanOrEqual(OTHERS);
    await sessions.close();
  });
});
