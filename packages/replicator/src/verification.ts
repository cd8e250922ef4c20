import { randomBytes } from 'node:crypto';
import type { FlowFields } from '@raftwall/flow-table';
import type { VerifyReport } from './admin-port.ts';
import {
  CommandKind,
  type ComparedCommand,
  encodeCommand,
  type VerificationCommand,
  type VerifiedCommand,
} from './command.ts';
import { KeyRanges } from './key-ranges.ts';
import type { NodeStatus } from './status.ts';
import {
  VerificationAnswers,
  type VerificationAnswersDependencies,
  type VerificationAnswersOptions,
} from './verification-answers.ts';
import { type Finding, reportOf } from './verify-report.ts';

export interface VerificationOptions extends VerificationAnswersOptions {
  /** How long members are waited for that do not answer. */
  readonly answerMs: number;
  /** Flows of differing key ranges that the reference lists; ranges beyond are only counted. */
  readonly listedFlowsMax: number;
}

export interface VerificationDependencies extends VerificationAnswersDependencies {
  /** The node whose kernel is the truth, null for none. */
  readonly active: () => string | null;
}

type VerifyProgress = NonNullable<NodeStatus['verifying']>;

interface Asked {
  readonly request: string;
  readonly verified: Map<string, VerifiedCommand>;
  readonly compared: Map<string, ComparedCommand>;
}

const pollMs = 50;
/** Behind so many rounds of repair, what differs still is reported. */
const repairRoundsMax = 8;

/**
 * Compares kernels with tables, and the members' tables with one another: first by the digests of their key ranges at one log
 * index, then, in ranges that differ, flow by flow with the rows that one member lists. The log carries questions and
 * answers, so that every member is asked wherever it is, and no table has to stand still (docs/internals/verify.md).
 */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #dependencies: VerificationDependencies;
  readonly #own: VerificationAnswers;
  #asked: Asked | null = null;
  #progress: VerifyProgress | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: VerificationOptions, dependencies: VerificationDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#own = new VerificationAnswers(options, dependencies);
  }

  /** null while nobody has asked this node. */
  get progress(): VerifyProgress | null {
    return this.#progress;
  }

  /**
   * Asks every member and waits for their answers; one question after the other.
   *
   * @param repair Whether each member mends its kernel first, and the active node then the tables of others.
   * @throws {Error} If a question cannot be committed: there is no quorum.
   */
  run(repair: boolean): Promise<VerifyReport> {
    const run = this.#tail.then(() => this.#rounds(repair));
    this.#tail = run.catch(() => undefined);
    return run;
  }

  /** What members ask and answer, in log order; this one hears its own words too. */
  onApplied(command: VerificationCommand, index: number): void {
    if (command.kind === CommandKind.verified) this.#onVerified(command);
    else if (command.kind === CommandKind.compared) this.#onCompared(command);
    if (index > this.#dependencies.replayedUntil()) this.#own.onApplied(command, index);
  }

  /** A flow is about to leave the table. */
  noteRemoved(flow: FlowFields): void {
    this.#own.noteRemoved(flow);
  }

  async #rounds(repair: boolean): Promise<VerifyReport> {
    try {
      for (let round = 1; ; round += 1) {
        const finding = await this.#round(repair);
        const isMended = repair && finding.rangesCompared.size > 0;
        if (!isMended || round === repairRoundsMax) return reportOf(finding);
        await this.#pause(this.#options.settleMs);
      }
    } finally {
      this.#asked = null;
      this.#progress = null;
    }
  }

  async #round(repair: boolean): Promise<Finding> {
    const { consensus, active: activeNow } = this.#dependencies;
    const members = consensus.status().members.map(({ id }) => id);
    const request = randomBytes(8).toString('hex');
    const asked: Asked = { request, verified: new Map(), compared: new Map() };
    this.#asked = asked;
    await consensus.propose(encodeCommand({ kind: CommandKind.verify, request, repair }));
    await this.#wait('kernels', () => asked.verified.size, members.length);
    const active = activeNow();
    const reference = active !== null && asked.verified.has(active) ? active : this.#options.node;
    const rangesCompared = await this.#askForFlows(asked, reference, repair);
    return { members, active, reference, ...asked, rangesCompared };
  }

  /** @returns the key ranges that were compared flow by flow: of those in which any table differs, as many as are not too much. */
  async #askForFlows(asked: Asked, reference: string, repair: boolean): Promise<KeyRanges> {
    const { request, verified, compared } = asked;
    const own = verified.get(reference)?.ranges;
    const different = new KeyRanges();
    if (own === undefined) return different;
    for (const { ranges } of verified.values())
      different.addAll(KeyRanges.inWhichDiffer(ranges, own));
    if (different.size === 0) return different;
    const some = different.within(this.#options.listedFlowsMax, own);
    const kind = CommandKind.compare;
    const question = { kind, request, reference, ranges: some.bytes, repair };
    await this.#dependencies.consensus.propose(encodeCommand(question));
    await this.#wait('tables', () => compared.size, verified.size - 1);
    return some;
  }

  async #wait(
    phase: VerifyProgress['phase'],
    answered: () => number,
    asked: number,
  ): Promise<void> {
    const { clock } = this.#dependencies;
    const deadlineMs = clock.nowMs() + this.#options.answerMs;
    for (;;) {
      this.#progress = { phase, answered: answered(), asked };
      if (answered() >= asked || clock.nowMs() >= deadlineMs) return;
      await this.#pause(pollMs);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#dependencies.clock.setTimer(ms, resolve));
  }

  #onVerified(command: VerifiedCommand): void {
    if (this.#asked?.request !== command.request) return;
    const [ranges, differences] = [command.ranges.slice(), command.differences.slice()];
    this.#asked.verified.set(command.node, { ...command, ranges, differences });
  }

  #onCompared(command: ComparedCommand): void {
    if (this.#asked?.request !== command.request) return;
    const differences = command.differences.slice();
    this.#asked.compared.set(command.node, { ...command, differences });
  }
}
