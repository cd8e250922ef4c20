import { join } from 'node:path';
import { Cluster } from './cluster.ts';
import { LabError } from './errors.ts';
import type { Firewall } from './firewall.ts';
import { Observer } from './observer.ts';
import { SshSession } from './ssh-session.ts';
import { Timeline } from './timeline.ts';
import type { StreamReport } from './traffic/numbered-stream.ts';
import type { TrafficReport } from './traffic/protocol.ts';
import { Traffic } from './traffic/traffic.ts';

/** What `npm start` shows: firewalls that fail, without and with raftwall between them. */
const SESSIONS = 200;
const FIREWALLS = 3;
/** Without replication nothing will come back; this long it is given the chance. */
const HOPE_MS = 5000;

const timeline = new Timeline(process.stdout);

interface Load {
  readonly traffic: Traffic;
  readonly ssh: SshSession;
}

async function openLoad(cluster: Cluster): Promise<Load> {
  const { hostA, hostB } = cluster.topology;
  const traffic = await Traffic.open({ a: hostA, b: hostB }, { sessions: SESSIONS });
  const directory = join(cluster.directory, 'ssh');
  const ssh = await SshSession.open({ directory, client: hostA, server: hostB });
  timeline.note(
    `A talks to B: ${SESSIONS} TCP sessions, ten numbers a second each, and an ssh login`,
  );
  return { traffic, ssh };
}

/** The holder loses power. @returns whether every session went on */
async function crash(cluster: Cluster, load: Load, settleMs: number): Promise<boolean> {
  const loser = cluster.holder;
  if (loser === null) throw new LabError('LAB_TIMED_OUT', 'nobody holds the virtual addresses');
  timeline.note(`${loser.id} LOSES POWER, in the middle of it all`, 'fault');
  await loser.powerLoss();
  load.ssh.mark();
  await load.traffic.mark();
  await cluster.waitTakeover(loser);
  const [report, ssh] = await Promise.all([
    load.traffic.settle(settleMs),
    load.ssh.settle(settleMs),
  ]);
  return tell(report, ssh, await cluster.invalidPackets());
}

function tell(report: TrafficReport, ssh: StreamReport, invalid: number): boolean {
  const all = report.survived === report.sessions && ssh.survived;
  const tone = all ? 'good' : 'bad';
  const gap = report.survived === 0 ? '' : `, longest silence ${report.longestGapMs} ms`;
  timeline.note(`${report.survived} of ${report.sessions} sessions go on${gap}`, tone);
  timeline.note(`the ssh login ${ssh.survived ? 'goes on' : 'is dead'}`, tone);
  timeline.note(`${invalid} packets logged as INVALID by rule 5`, tone);
  return all;
}

async function tellFlows(cluster: Cluster): Promise<void> {
  const counts = await Promise.all(
    cluster.powered.map(async (firewall) => `${firewall.id} ${await firewall.kernelFlowCount()}`),
  );
  timeline.note(`flows in the kernels: ${counts.join(', ')}`);
}

/** Runs `scenario` on a cluster of its own and tidies up, whatever comes. */
async function onCluster(
  replication: boolean,
  scenario: (cluster: Cluster) => Promise<boolean>,
): Promise<boolean> {
  timeline.restart();
  const cluster = await Cluster.create({ firewalls: FIREWALLS, replication, timeline });
  let done = false;
  try {
    await cluster.start();
    done = await scenario(cluster);
    return done;
  } finally {
    cluster.remove({ keep: replication && !done });
    if (replication && !done) timeline.note(`logs and data: ${cluster.directory}`, 'bad');
  }
}

async function withoutReplication(cluster: Cluster): Promise<boolean> {
  const load = await openLoad(cluster);
  await tellFlows(cluster);
  const survived = await crash(cluster, load, HOPE_MS);
  load.ssh.close();
  await load.traffic.close();
  return survived;
}

async function withRaftwall(cluster: Cluster): Promise<boolean> {
  const observer = new Observer(cluster);
  observer.start();
  try {
    const load = await openLoad(cluster);
    await tellFlows(cluster);
    const first = cluster.holder;
    const survivedFirst = await crash(cluster, load, HOPE_MS * 2);
    if (first !== null) await bringBack(cluster, first);
    await tellFlows(cluster);
    const survivedSecond = await crash(cluster, load, HOPE_MS * 2);
    await tellFlows(cluster);
    load.ssh.close();
    await load.traffic.close();
    return survivedFirst && survivedSecond;
  } finally {
    await observer.stop();
  }
}

async function bringBack(cluster: Cluster, firewall: Firewall): Promise<void> {
  timeline.note(`${firewall.id} has power again and boots with an empty kernel`);
  await firewall.powerOn();
  firewall.startRaftwall();
  firewall.startKeepalived();
  await cluster.waitReady();
}

async function main(): Promise<number> {
  timeline.heading('Three firewalls, each for itself');
  const luck = await onCluster(false, withoutReplication);
  timeline.heading('Three firewalls with raftwall');
  const survived = await onCluster(true, withRaftwall);
  timeline.heading('Result');
  const verdict = survived
    ? 'Two firewalls lost power, one after the other. Every session went on.'
    : 'Sessions were lost: see above.';
  process.stdout.write(`${verdict}\n`);
  if (luck)
    process.stdout.write('But they went on without raftwall too: the lab proves nothing.\n');
  return survived && !luck ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof LabError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
process.exit();
