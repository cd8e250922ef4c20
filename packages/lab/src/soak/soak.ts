import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '../cluster.ts';
import { LabError } from '../errors.ts';
import { breakableCluster } from '../faults/injected-faults-file.ts';
import { seedFlows } from '../flow-seeder.ts';
import { writerConflicts } from '../matrix/writers.ts';
import type { VrrpMode } from '../raftwall-daemon.ts';
import { tableDifferences } from '../table-agreement.ts';
import { Timeline } from '../timeline.ts';
import { Traffic } from '../traffic/traffic.ts';
import { waitFor } from '../wait.ts';
import { type Round, schedule } from './schedule.ts';

/** How long a soak lasts, and what it does. */
export interface SoakOptions {
  /** No round begins after so many minutes. */
  readonly minutes: number;
  /** Decides which faults come, at whom and when; 32 bits. */
  readonly seed: number;
  readonly mode: VrrpMode;
  /** TCP sessions that live from the beginning to the end. Default 50. */
  readonly sessions?: number;
  /** Default: a new one, silent. */
  readonly timeline?: Timeline;
}

const SESSIONS = 50;
const SETTLE_MS = 20_000;
const READY_SECONDS = 60;
const AGREEMENT_MS = 30_000;
/** Source of the flows that come and go. */
const SEEDED_SOURCE = '10.50.0.1';

/**
 * Fault after fault for one cluster, with sessions and with flows that come and go. After each round no session is lost,
 * all kernels and tables are equal, and no epoch has had two writers.
 * @returns the number of rounds
 * @throws {LabError} At the first round after which that does not hold; its message names seed and round.
 */
export async function soak(options: SoakOptions): Promise<number> {
  const { seed, mode, timeline = new Timeline() } = options;
  const cluster = await Cluster.create({ ...breakableCluster, mode, timeline });
  let round = 0;
  let isKept = true;
  try {
    await cluster.start();
    const { hostA: a, hostB: b } = cluster.topology;
    const traffic = await Traffic.open({ a, b }, { sessions: options.sessions ?? SESSIONS });
    const endMs = performance.now() + options.minutes * 60_000;
    for (const next of schedule(seed)) {
      if (performance.now() > endMs) break;
      round += 1;
      await runRound(cluster, traffic, next);
    }
    await traffic.close();
    isKept = false;
    return round;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const story = `${timeline}\nlogs and data: ${cluster.directory}`;
    throw new LabError(
      'LAB_COMMAND_FAILED',
      `seed ${seed}, round ${round}: ${message}\n${story}`,
      error,
    );
  } finally {
    cluster.remove({ keep: isKept });
  }
}

async function runRound(cluster: Cluster, traffic: Traffic, round: Round): Promise<void> {
  const holder = await cluster.waitActive();
  const standbys = cluster.firewalls.filter((firewall) => firewall !== holder);
  const victim = round.role === 'active' ? holder : standbys[round.standby % standbys.length]!;
  await seedFlows(holder.namespace, { count: round.flows, directory: cluster.directory });
  await sleep(round.pauseMs);
  cluster.timeline.note(`${victim.id} (${round.role}) ${round.fault.title}`, 'fault');
  const mend = await round.fault.inject({ cluster, victim });
  await traffic.mark();
  await mend();
  await cluster.waitReady(READY_SECONDS);
  await checkInvariants(cluster, traffic);
  const active = await cluster.waitActive();
  await active.namespace.exec('conntrack', ['-D', '-s', SEEDED_SOURCE]);
  cluster.timeline.note('all sessions go on, all tables are equal, one writer', 'good');
}

async function checkInvariants(cluster: Cluster, traffic: Traffic): Promise<void> {
  await cluster.waitActive();
  const { survived, sessions, faults } = await traffic.settle(SETTLE_MS);
  if (survived < sessions) {
    throw new LabError(
      'LAB_COMMAND_FAILED',
      `${sessions - survived} sessions are lost: ${JSON.stringify(faults)}`,
    );
  }
  await waitFor(
    'the kernels agree, and raftwall verify says equal',
    async () => {
      const found = await tableDifferences(cluster);
      found.push(...(await tableDifferences(cluster, SEEDED_SOURCE)));
      if (found.length > 0) throw new Error(found.slice(0, 6).join('\n'));
      return cluster.firewalls[0]!.raftwall.command(['verify']);
    },
    { timeoutMs: AGREEMENT_MS, intervalMs: 250 },
  );
  const [conflict] = await writerConflicts(cluster);
  if (conflict !== undefined) throw new LabError('LAB_COMMAND_FAILED', conflict);
}
