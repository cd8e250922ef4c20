import { expect, it } from 'vitest';
import { frozenDaemon, seedFlows } from '../../src/index.ts';
import { SEEDED_SOURCE, seededCount } from '../support/flows.ts';
import { Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const MISSED = 100;
/** The woken node compares its kernel with the table. */
const RECONCILE_MS = 10_000;

it('the active raftwalld is frozen for 5 s: no session is cut, and it commits what it missed', async () => {
  await withCluster({}, async (cluster) => {
    const victim = cluster.holder!;
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    const mend = await frozenDaemon.inject({ cluster, victim });
    await sessions.mark();
    // Flows that begin while nobody listens.
    await seedFlows(victim.namespace, { count: MISSED, directory: cluster.directory });
    await mend();
    await cluster.waitReady();
    await cluster.waitActive();
    await tablesAgree(cluster, { timeoutMs: RECONCILE_MS, source: SEEDED_SOURCE });
    expect(await seededCount(victim)).toBe(MISSED);
    await sessions.expectAllSurvive();
    expect(cluster.holder).toBe(victim);
    await sessions.close();
  });
});
