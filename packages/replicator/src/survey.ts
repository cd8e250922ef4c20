import { randomBytes } from 'node:crypto';
import type { SurveyNodeReport, SurveyReport } from './admin-port.ts';
import { CommandKind, encodeCommand, type SurveyCommand, type SurveyedCommand } from './command.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Clock, Consensus, HostFacts } from './ports.ts';

export interface SurveyOptions {
  readonly node: string;
  /** How long members are waited for that do not answer. */
  readonly surveyMs: number;
}

export interface SurveyDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly counters: ReplicatorCounters;
  /** What this machine says of itself; read anew for each question. */
  readonly hostFacts: () => Promise<HostFacts>;
  /** Entries up to this index were committed before this node started: nobody waits for its answer to them. */
  readonly replayedUntil: () => number;
}

interface Asked {
  readonly request: string;
  readonly answers: Map<string, SurveyedCommand>;
}

const pollMs = 20;

/**
 * Asks every member how its machine is set up, so that they can be compared (rule K15). As with `Verification` the log carries
 * question and answers: every member is asked wherever it is, and none needs an open API.
 */
export class Survey {
  readonly #options: SurveyOptions;
  readonly #dependencies: SurveyDependencies;
  #asked: Asked | null = null;

  constructor(options: SurveyOptions, dependencies: SurveyDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Asks and waits for the answers.
   *
   * @throws {Error} If the question cannot be committed: there is no quorum.
   */
  async run(): Promise<SurveyReport> {
    const { consensus, clock } = this.#dependencies;
    const members = consensus.status().members.map(({ id }) => id);
    const asked: Asked = { request: randomBytes(8).toString('hex'), answers: new Map() };
    this.#asked = asked;
    const { request } = asked;
    const startMs = clock.nowMs();
    await consensus.propose(encodeCommand({ kind: CommandKind.survey, request }));
    const deadlineMs = clock.nowMs() + this.#options.surveyMs;
    while (asked.answers.size < members.length && clock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => clock.setTimer(pollMs, resolve));
    }
    const nodes = members.map((node) => nodeReport(node, asked.answers.get(node)));
    return { durationMs: Math.round(clock.nowMs() - startMs), nodes };
  }

  /** The question was committed. */
  onSurvey({ request }: SurveyCommand, index: number): void {
    const { replayedUntil, counters } = this.#dependencies;
    if (index <= replayedUntil()) return;
    void this.#answer(request).catch(() => countBy(counters.retries, 'surveyed'));
  }

  onSurveyed(command: SurveyedCommand): void {
    if (this.#asked?.request === command.request) this.#asked.answers.set(command.node, command);
  }

  async #answer(request: string): Promise<void> {
    const { node } = this.#options;
    const { wallClockMs, facts } = await this.#dependencies.hostFacts();
    const kind = CommandKind.surveyed;
    const command = encodeCommand({ kind, request, node, wallClockMs, facts });
    await this.#dependencies.consensus.propose(command);
  }
}

function nodeReport(node: string, answer: SurveyedCommand | undefined): SurveyNodeReport {
  if (answer === undefined) return { node, answered: false, wallClockMs: 0, facts: {} };
  const { wallClockMs, facts } = answer;
  return { node, answered: true, wallClockMs, facts };
}
