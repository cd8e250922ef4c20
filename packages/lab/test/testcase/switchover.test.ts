import { expect, it } from 'vitest';
import { waitFor } from '../../src/index.ts';
import { Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

// VRRP moves the two addresses some milliseconds apart. In between the old holder sees one direction only, and its kernel,
// which knows the windows from its own packets, calls some of them INVALID. The new holder must not.

it('raftwall transfer moves leadership and the virtual addresses, and no session notices', async () => {
  await withCluster({}, async (cluster) => {
    const holder = cluster.holder!;
    const target = cluster.firewalls.find((firewall) => firewall !== holder)!;
    const sessions = await Sessions.open(cluster);
    await sessions.mark();
    await holder.raftwall.command(['transfer', target.id]);
    expect(cluster.holder).toBe(target);
    const status = (await cluster.statuses()).get(target.id);
    expect(status).toMatchObject({ active: target.id, leader: target.id, role: 'leader' });
    await sessions.expectAllSurvive([target]);
    await cluster.waitReady();
    await tablesAgree(cluster);
    await sessions.close();
  });
});

it('V4 a clean stop of the active raftwalld hands everything over first', async () => {
  await withCluster({}, async (cluster) => {
    const holder = cluster.holder!;
    const sessions = await Sessions.open(cluster);
    await sessions.mark();
    expect(await holder.stopDaemon()).toBe(0);
    await waitFor(
      'another firewall holds the virtual addresses',
      async () => {
        if (cluster.holder !== null && cluster.holder !== holder) return true;
        throw new Error(`${cluster.holder?.id ?? 'nobody'} does`);
      },
      { timeoutMs: 10_000 },
    );
    await sessions.expectAllSurvive([cluster.holder!]);
    await sessions.close();
  });
});

it('raftwall transfer to a stranger is refused with the reason', async () => {
  await withCluster({}, async (cluster) => {
    const refused = cluster.holder!.raftwall.command(['transfer', 'fw9']);
    await expect(refused).rejects.toMatchObject({ exitCode: 1 });
    await expect(refused).rejects.toThrow(/fw9 is no member/);
  });
});
