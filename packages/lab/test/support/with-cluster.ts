import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, type ClusterOptions, type Firewall } from '../../src/index.ts';

const LOG_LINES = 15;

/**
 * Runs `scenario` on a cluster of its own, `prepare` before its daemons start. When it fails, the error says what happened when, shows
 * the end of each daemon's log, and names the directory with all logs, which is kept.
 */
export async function withCluster(
  options: ClusterOptions,
  scenario: (cluster: Cluster) => Promise<void>,
  prepare: (cluster: Cluster) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const cluster = await Cluster.create(options);
  try {
    await prepare(cluster);
    await cluster.start();
    await scenario(cluster);
  } catch (error) {
    const logs = cluster.firewalls.map((firewall) => endOfLog(cluster, firewall)).join('\n');
    cluster.remove({ keep: true });
    const story = `${cluster.timeline}\n\n${logs}\nlogs and data: ${cluster.directory}`;
    throw new Error(`${error instanceof Error ? error.message : error}\n\n${story}`, {
      cause: error,
    });
  }
  cluster.remove();
}

function endOfLog(cluster: Cluster, firewall: Firewall): string {
  try {
    const log = readFileSync(join(cluster.directory, firewall.id, 'run', 'raftwalld.log'), 'utf8');
    return `raftwalld of ${firewall.id}:\n${log.trimEnd().split('\n').slice(-LOG_LINES).join('\n')}\n`;
  } catch {
    return `raftwalld of ${firewall.id}: no log`;
  }
}
