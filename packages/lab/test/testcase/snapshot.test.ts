import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Cluster, type Firewall, seedFlows, waitFor } from '../../src/index.ts';
import { crash, Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

/** So small that the log is cut after a few hundred flows. */
const node = { raftLog: { segmentBytes: 65_536, trailingEntries: 16 } };

const dataOf = (cluster: Cluster, firewall: Firewall, name: string): string =>
  join(cluster.directory, firewall.id, 'data', name);

/** Makes and ends flows until the log as it is now has been cut off on the holder. */
async function outgrowLog(cluster: Cluster): Promise<void> {
  const { namespace } = cluster.holder!;
  const segments = (): string[] =>
    readdirSync(dataOf(cluster, cluster.holder!, 'log')).filter((name) =>
      name.endsWith('.segment'),
    );
  const begin = new Set(segments());
  expect(begin.size).toBeGreaterThan(0);
  await waitFor(
    'the log is cut',
    async () => {
      await seedFlows(namespace, { count: 4_000, directory: cluster.directory });
      await namespace.exec('conntrack', ['-D', '-s', '10.50.0.1']);
      const left = segments();
      if (!left.some((name) => begin.has(name))) return true;
      throw new Error(`still there: ${left.join(', ')}`);
    },
    { timeoutMs: 90_000 },
  );
}

it('T5 snapshot: a firewall that the log no longer reaches gets the table, then the next one may fail', async () => {
  await withCluster({ node }, async (cluster) => {
    const standby = cluster.firewalls.find((firewall) => firewall !== cluster.holder)!;
    const before = await Sessions.open(cluster, { sessions: 50 });
    await tablesAgree(cluster, { timeoutMs: 20_000 });
    await standby.powerLoss();
    await outgrowLog(cluster);

    await standby.powerOn();
    standby.startRaftwall();
    standby.startKeepalived();
    await cluster.waitReady();
    expect(readdirSync(dataOf(cluster, standby, 'snapshots'))).toContain('current');
    await tablesAgree(cluster, { timeoutMs: 20_000 });
    await crash(cluster, cluster.holder!, before);
    await before.expectAllSurvive();
    await before.close();
  });
});

it('T4 checkpoint: one that is damaged is made good by a snapshot where the log was cut', async () => {
  await withCluster({ node }, async (cluster) => {
    const standby = cluster.firewalls.find((firewall) => firewall !== cluster.holder)!;
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    await outgrowLog(cluster);
    await tablesAgree(cluster, { timeoutMs: 20_000 });
    expect(await standby.stopDaemon()).toBe(0);
    damage(dataOf(cluster, standby, 'table'));

    standby.startRaftwall();
    await cluster.waitReady();
    expect(readdirSync(dataOf(cluster, standby, 'snapshots'))).toContain('current');
    await tablesAgree(cluster, { timeoutMs: 20_000 });
    await crash(cluster, cluster.holder!, sessions);
    await sessions.expectAllSurvive();
    await sessions.close();
  });
});

/** Flips a bit in every sector of every file that holds flows: one alone may hit what was overwritten since. */
function damage(directory: string): void {
  const files = readdirSync(directory).filter((name) => /\.(ldb|log)$/.test(name));
  expect(files.length).toBeGreaterThan(0);
  for (const name of files) {
    const bytes = readFileSync(join(directory, name));
    for (let at = 0; at < bytes.length; at += 512) bytes[at]! ^= 1;
    writeFileSync(join(directory, name), bytes);
  }
}
