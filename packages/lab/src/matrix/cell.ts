import { Cluster } from '../cluster.ts';
import { conntrackView } from '../conntrack-view.ts';
import { CommandFailedError, LabError } from '../errors.ts';
import type { Fault, VictimRole } from '../faults/fault.ts';
import type { Firewall } from '../firewall.ts';
import { seedFlows } from '../flow-seeder.ts';
import type { VrrpMode } from '../raftwall-daemon.ts';
import { tableDifferences } from '../table-agreement.ts';
import { Timeline } from '../timeline.ts';
import { Traffic } from '../traffic/traffic.ts';
import { waitFor } from '../wait.ts';
import { writerConflicts } from './writers.ts';

/** One fault, in one mode, at a firewall in one role. */
export interface CellOptions {
  readonly fault: Fault;
  readonly mode: VrrpMode;
  readonly role: VictimRole;
  /** TCP sessions through the firewalls. Default 200. */
  readonly sessions?: number;
  /** Default: a new one, silent. */
  readonly timeline?: Timeline;
}

/** What came of it. */
export interface CellResult {
  readonly fault: string;
  readonly mode: VrrpMode;
  readonly role: VictimRole;
  readonly sessions: number;
  readonly survived: number;
  /** Longest time without an answer of any session that survived, in milliseconds. */
  readonly longestGapMs: number;
  /** From the end of the fault until all members were ready, in milliseconds; null: they were not. */
  readonly readyAfterMs: number | null;
  /** Flows that the active kernel had before the fault and lacks after it. */
  readonly flowsLost: number;
  /** Whether all kernels and tables were equal afterwards. */
  readonly equalTables: boolean;
  /** Packets that rule 5 has logged since the fault, on the firewalls that did not boot meanwhile. */
  readonly invalidPackets: number;
  /** Epochs that two nodes believed to be theirs. */
  readonly writerConflicts: readonly string[];
  /** What kept the cluster from recovering, in words, or null. */
  readonly error: string | null;
}

const SESSIONS = 200;
const SEEDED_FLOWS = 1000;
/** The source of the flows that are seeded. */
const SEEDED_SOURCE = '10.50.0.1';
const SETTLE_MS = 20_000;
const READY_SECONDS = 45;
const AGREEMENT_MS = 20_000;

/** @returns what is wrong with a result, one sentence each; empty when all is well */
export function shortcomings(result: CellResult): readonly string[] {
  const lost = result.sessions - result.survived;
  return [
    ...(lost > 0 ? [`${lost} sessions were lost`] : []),
    ...(result.flowsLost > 0 ? [`${result.flowsLost} flows were lost`] : []),
    ...(result.equalTables ? [] : ['the tables differ']),
    ...result.writerConflicts,
    ...(result.error === null ? [] : [result.error]),
  ];
}

/** Lets one fault happen to a cluster of its own, with sessions, and measures what comes of it. */
export async function measureCell(options: CellOptions): Promise<CellResult> {
  const { fault, mode, timeline = new Timeline() } = options;
  const cluster = await Cluster.create({ ...fault.cluster, mode, timeline });
  let isKept = true;
  try {
    await fault.prepare?.(cluster);
    await cluster.start();
    const result = await new Measurement(cluster, options).run();
    isKept = shortcomings(result).length > 0;
    return result;
  } finally {
    cluster.remove({ keep: isKept });
    if (isKept) timeline.note(`logs and data: ${cluster.directory}`, 'bad');
  }
}

class Measurement {
  readonly #cluster: Cluster;
  readonly #options: CellOptions;
  #error: string | null = null;

  constructor(cluster: Cluster, options: CellOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async run(): Promise<CellResult> {
    const { fault, mode, role, sessions = SESSIONS } = this.#options;
    const cluster = this.#cluster;
    const { hostA: a, hostB: b } = cluster.topology;
    const traffic = await Traffic.open({ a, b }, { sessions });
    const holder = await cluster.waitActive();
    await seedFlows(holder.namespace, { count: SEEDED_FLOWS, directory: cluster.directory });
    await this.#waitAgreement();
    const before = await flowsOf(holder);
    const invalidBefore = await cluster.invalidPackets();

    const victim = role === 'active' ? holder : cluster.firewalls.find((it) => it !== holder)!;
    cluster.timeline.note(`${victim.id} (${role}) ${fault.title}`, 'fault');
    const mend = await fault.inject({ cluster, victim });
    await traffic.mark();
    const mended = this.#try('the fault could not be ended', mend);
    const readyAfterMs = await mended.then(() => this.#timeUntilReady());
    const report = await traffic.settle(SETTLE_MS);
    const equalTables = await this.#areTablesEqual();
    const after = new Set(cluster.holder === null ? [] : await flowsOf(cluster.holder));
    const result = {
      ...{ fault: fault.name, mode, role, sessions },
      ...{ survived: report.survived, longestGapMs: report.longestGapMs, readyAfterMs },
      flowsLost: before.filter((flow) => !after.has(flow)).length,
      equalTables,
      invalidPackets: Math.max(0, (await cluster.invalidPackets()) - invalidBefore),
      writerConflicts: await writerConflicts(cluster),
      error: this.#error,
    };
    await traffic.close();
    return result;
  }

  async #timeUntilReady(): Promise<number | null> {
    const begin = performance.now();
    const recovered = await this.#try('the cluster did not recover', async () => {
      await this.#cluster.waitReady(READY_SECONDS);
      await this.#cluster.waitActive();
    });
    return recovered ? Math.round(performance.now() - begin) : null;
  }

  #areTablesEqual(): Promise<boolean> {
    return this.#try('the tables differ', async () => {
      await this.#waitAgreement();
      const asked = this.#cluster.powered[0]!;
      await waitFor('raftwall verify says equal', () => verifyEqual(asked), {
        timeoutMs: AGREEMENT_MS,
        intervalMs: 500,
      });
    });
  }

  #waitAgreement(): Promise<boolean> {
    return waitFor<boolean>(
      'the kernels agree',
      async () => {
        const found = await tableDifferences(this.#cluster);
        found.push(...(await tableDifferences(this.#cluster, SEEDED_SOURCE)));
        if (found.length === 0) return true;
        throw new Error(`${found.length} differences:\n${found.slice(0, 6).join('\n')}`);
      },
      { timeoutMs: AGREEMENT_MS, intervalMs: 200 },
    );
  }

  /** The first thing that goes wrong is what the table says; the rest is measured all the same. */
  async #try(what: string, step: () => Promise<unknown>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      this.#error ??= `${what}: ${error instanceof Error ? error.message : String(error)}`;
      return false;
    }
  }
}

/** @throws {LabError} With what the command has printed, when it finds differences. */
async function verifyEqual({ id, raftwall }: Firewall): Promise<string> {
  try {
    return await raftwall.command(['verify']);
  } catch (error) {
    if (!(error instanceof CommandFailedError)) throw error;
    throw new LabError('LAB_COMMAND_FAILED', `verify at ${id}: ${error.stdout}`);
  }
}

async function flowsOf({ namespace }: Firewall): Promise<string[]> {
  const [sessions, seeded] = await Promise.all([
    conntrackView(namespace),
    conntrackView(namespace, { source: SEEDED_SOURCE }),
  ]);
  return [...sessions, ...seeded];
}
