import { join } from 'node:path';
import { expect } from 'vitest';
import {
  type Cluster,
  type Firewall,
  SshSession,
  Traffic,
  type TrafficOptions,
} from '../../src/index.ts';

/** 200 TCP sessions and a login by ssh, from A to B through the cluster. */
export class Sessions {
  readonly #cluster: Cluster;
  readonly traffic: Traffic;
  readonly ssh: SshSession;

  private constructor(cluster: Cluster, traffic: Traffic, ssh: SshSession) {
    this.#cluster = cluster;
    this.traffic = traffic;
    this.ssh = ssh;
  }

  static async open(cluster: Cluster, options: TrafficOptions = {}): Promise<Sessions> {
    const { hostA, hostB } = cluster.topology;
    const traffic = await Traffic.open({ a: hostA, b: hostB }, options);
    const ssh = await SshSession.open({
      directory: join(cluster.directory, 'ssh'),
      client: hostA,
      server: hostB,
      ...(options.host?.includes(':') ? { host: options.host } : {}),
    });
    cluster.timeline.note(`${traffic.sessions} TCP sessions and one ssh session run`);
    return new Sessions(cluster, traffic, ssh);
  }

  /** Call it when the fault has just happened. */
  async mark(): Promise<void> {
    this.ssh.mark();
    await this.traffic.mark();
  }

  /** All sessions go on, and rule 5 has logged nothing on these firewalls, by default on all with power. */
  async expectAllSurvive(firewalls: readonly Firewall[] = this.#cluster.powered): Promise<void> {
    const [report, ssh] = await Promise.all([this.traffic.settle(), this.ssh.settle()]);
    const counters = await Promise.all(firewalls.map((firewall) => firewall.invalidCounters()));
    const invalid = counters.reduce((sum, { forward }) => sum + forward, 0);
    this.#cluster.timeline.note(
      `${report.survived} of ${report.sessions} survived, longest gap ${report.longestGapMs} ms, ` +
        `ssh ${ssh.survived ? 'too' : `not: ${ssh.fault}`}, INVALID ${invalid}`,
    );
    expect(report).toMatchObject({ survived: report.sessions, faults: {}, silent: 0 });
    expect(ssh).toMatchObject({ survived: true, fault: null });
    expect(invalid).toBe(0);
  }

  async close(): Promise<void> {
    this.ssh.close();
    await this.traffic.close();
  }
}

/** The firewall loses power, and another one takes over; survival counts from here. */
export async function crash(cluster: Cluster, loser: Firewall, sessions: Sessions): Promise<void> {
  cluster.timeline.note(`${loser.id} loses power`, 'fault');
  await loser.powerLoss();
  await sessions.mark();
  await cluster.waitTakeover(loser);
}
