import { expect, it } from 'vitest';
import { capabilities, netlinkSockets, waitFor } from '../../src/index.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

it('V10 witness: with two firewalls and a witness without any capability, sessions survive the power loss of the active firewall', async () => {
  await withCluster({ firewalls: 2, witness: true }, async (cluster) => {
    const witness = cluster.witness!.raftwall;
    expect(capabilities(witness.pid)).toBe(0n);
    expect(netlinkSockets(witness.pid)).toBe(0);
    // The same look at a firewall finds some: it would find the witness's.
    expect(netlinkSockets(cluster.holder!.raftwall.pid)).toBeGreaterThan(0);

    const sessions = await Sessions.open(cluster);
    await crash(cluster, cluster.holder!, sessions);
    await sessions.expectAllSurvive();
    const survivor = await cluster.waitActive();
    await waitFor(
      'the survivor leads, not the witness',
      async () => {
        const { leader, ready } = await survivor.raftwall.status();
        return leader === survivor.id && ready ? true : null;
      },
      { timeoutMs: 15_000 },
    );
    await sessions.close();

    const status = await witness.status();
    expect(status).toMatchObject({ witness: true, ready: false, active: survivor.id });
    expect(status.flows).toBeGreaterThan(200);
    expect(netlinkSockets(witness.pid)).toBe(0);
    expect(await witness.stop()).toBe(0);
  });
});
