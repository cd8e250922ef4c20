import { it } from 'vitest';
import { crash, Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

const RUNS = 10;

it.each(Array.from({ length: RUNS }, (_, i) => i + 1))(
  'run %i of 10: 200 sessions and ssh survive the power loss of the active firewall',
  async () => {
    await withCluster({}, async (cluster) => {
      const sessions = await Sessions.open(cluster);
      await crash(cluster, cluster.holder!, sessions);
      await sessions.expectAllSurvive();
      await cluster.waitActive();
      await sessions.close();
    });
  },
);
