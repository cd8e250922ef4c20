import type { Outcome } from './cluster-state.ts';
import type { ActivateCommand } from './command.ts';
import type { ReplicatorCounters } from './metrics.ts';

/** An activation and how the log decided it. */
export interface DecidedActivation {
  readonly index: number;
  readonly command: ActivateCommand;
  readonly outcome: Outcome;
  /** The group's epoch afterwards. */
  readonly epoch: number;
}

const activationsKept = 256;

/** The newest activations, for people to look at; the same on every member. */
export class ActivationLog {
  readonly #counters: ReplicatorCounters;
  readonly #decided: DecidedActivation[] = [];

  constructor(counters: ReplicatorCounters) {
    this.#counters = counters;
  }

  /** The newest last. */
  get decided(): readonly DecidedActivation[] {
    return this.#decided;
  }

  note(activation: DecidedActivation): void {
    this.#decided.push(activation);
    if (this.#decided.length > activationsKept) this.#decided.shift();
    if (activation.outcome.kind === 'accepted') this.#counters.activationsAccepted += 1;
    if (activation.outcome.kind === 'refused') this.#counters.activationsRefused += 1;
  }
}
