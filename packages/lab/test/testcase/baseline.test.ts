import { expect, it } from 'vitest';
import { SshSession, Traffic } from '../../src/index.ts';
import { withCluster } from '../support/with-cluster.ts';

it('without replication every session dies with the firewall, and rule 5 logs their packets', async () => {
  await withCluster({ replication: false }, async (cluster) => {
    const { hostA, hostB } = cluster.topology;
    const traffic = await Traffic.open({ a: hostA, b: hostB }, { sessions: 50 });
    const directory = `${cluster.directory}/ssh`;
    const ssh = await SshSession.open({ directory, client: hostA, server: hostB });
    // They do work as long as the firewall does.
    await traffic.mark();
    ssh.mark();
    expect(await traffic.settle()).toMatchObject({ survived: 50, faults: {}, silent: 0 });
    expect(await ssh.settle()).toMatchObject({ survived: true });
    expect(await cluster.invalidPackets()).toBe(0);

    const holder = cluster.holder!;
    await holder.powerLoss();
    await traffic.mark();
    ssh.mark();
    await cluster.waitTakeover(holder);
    const [report, login] = await Promise.all([traffic.settle(5000), ssh.settle(5000)]);
    expect(report).toMatchObject({ sessions: 50, survived: 0 });
    expect(login.survived).toBe(false);
    expect(await cluster.invalidPackets()).toBeGreaterThanOrEqual(50);
    ssh.close();
    await traffic.close();
  });
});
