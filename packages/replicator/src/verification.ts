import { randomBytes } from 'node:crypto';
import { DIGEST_RANGES, type DigestSummary } from '@raftwall/flow-table';
import type { VerifyNodeReport, VerifyReport } from './admin-port.ts';
import { CommandKind, encodeCommand, type VerifiedCommand, type VerifyCommand } from './command.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Clock, Consensus } from './ports.ts';
import type { ReconcileResult } from './reconciler.ts';

export interface VerificationOptions {
  readonly node: string;
  /** How long members are waited for that do not answer. */
  readonly answerMs: number;
  /** What differs is looked at once more after so long: what is under way has come through by then. */
  readonly settleMs: number;
}

/** Flows that a kernel lacks, has otherwise, and has too many. */
type Found = Pick<ReconcileResult, 'created' | 'updated' | 'deleted'>;

export interface VerificationDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly counters: ReplicatorCounters;
  readonly table: { digest(): DigestSummary };
  /** Compares this kernel with the table; null while that cannot be, and on a witness, which has none (rule V10). */
  readonly inspect: () => Promise<Found | null>;
  /** Compares them and mends what differs. */
  readonly repair: () => Promise<void>;
  /** Entries up to this index were committed before this node started: nobody waits for its answer to them. */
  readonly replayedUntil: () => number;
}

interface Asked {
  readonly request: string;
  readonly answers: Map<string, VerifiedCommand>;
}

const nothing: Found = { created: 0, updated: 0, deleted: 0 };
const pollMs = 50;

/**
 * Compares kernels with tables, and the members' tables with one another as they were at one log index. The log carries
 * question and answers, so that every member is asked wherever it is, and no table has to stand still.
 */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #dependencies: VerificationDependencies;
  #asked: Asked | null = null;

  constructor(options: VerificationOptions, dependencies: VerificationDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Asks every member and waits for their answers.
   *
   * @param repair Whether each member mends what it finds first.
   * @throws {Error} If the question cannot be committed: there is no quorum.
   */
  async run(repair: boolean): Promise<VerifyReport> {
    const { consensus, clock } = this.#dependencies;
    const members = consensus.status().members.map(({ id }) => id);
    const request = randomBytes(8).toString('hex');
    const asked: Asked = { request, answers: new Map() };
    this.#asked = asked;
    await consensus.propose(encodeCommand({ kind: CommandKind.verify, request, repair }));
    const deadlineMs = clock.nowMs() + this.#options.answerMs;
    while (asked.answers.size < members.length && clock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => clock.setTimer(pollMs, resolve));
    }
    return reportOf(this.#options.node, members, asked.answers);
  }

  /** The question was committed; this table is now what every table must be at this entry. */
  onVerify(command: VerifyCommand, index: number): void {
    const { table, replayedUntil, counters } = this.#dependencies;
    if (index <= replayedUntil()) return;
    const { ranges } = table.digest();
    void this.#answer(command, ranges).catch(() => countBy(counters.retries, 'verified'));
  }

  onVerified(command: VerifiedCommand): void {
    if (this.#asked?.request !== command.request) return;
    this.#asked.answers.set(command.node, { ...command, ranges: command.ranges.slice() });
  }

  async #answer({ request, repair }: VerifyCommand, ranges: Uint32Array): Promise<void> {
    if (repair) await this.#dependencies.repair();
    const { created, updated, deleted } = await this.#inspect();
    await this.#dependencies.consensus.propose(
      encodeCommand({
        kind: CommandKind.verified,
        request,
        node: this.#options.node,
        missing: created,
        extra: deleted,
        different: updated,
        ranges: new Uint8Array(ranges.buffer, ranges.byteOffset, ranges.byteLength),
      }),
    );
  }

  async #inspect(): Promise<Found> {
    const { inspect, clock } = this.#dependencies;
    const first: Found = (await inspect()) ?? nothing;
    if (first.created + first.updated + first.deleted === 0) return first;
    await new Promise<void>((resolve) => clock.setTimer(this.#options.settleMs, resolve));
    return (await inspect()) ?? first;
  }
}

function reportOf(
  own: string,
  members: readonly string[],
  answers: ReadonlyMap<string, VerifiedCommand>,
): VerifyReport {
  const reference = answers.get(own)?.ranges ?? null;
  const nodes = members.map((node) => nodeReport(node, answers.get(node), reference));
  const equal = nodes.every(
    ({ answered, missing, extra, different, tableRanges }) =>
      answered && missing + extra + different + tableRanges === 0,
  );
  return { equal, nodes };
}

function nodeReport(
  node: string,
  answer: VerifiedCommand | undefined,
  reference: Uint8Array | null,
): VerifyNodeReport {
  if (answer === undefined) {
    return { node, answered: false, missing: 0, extra: 0, different: 0, tableRanges: 0 };
  }
  const { missing, extra, different, ranges } = answer;
  const tableRanges = reference === null ? 0 : differentRanges(ranges, reference);
  return { node, answered: true, missing, extra, different, tableRanges };
}

/** Key ranges, of 256, in which two tables differ. */
function differentRanges(left: Uint8Array, right: Uint8Array): number {
  const rangeBytes = right.length / DIGEST_RANGES;
  let count = 0;
  for (let range = 0; range < DIGEST_RANGES; range += 1) {
    const [start, end] = [range * rangeBytes, (range + 1) * rangeBytes];
    if (Buffer.compare(left.subarray(start, end), right.subarray(start, end)) !== 0) count += 1;
  }
  return count;
}
