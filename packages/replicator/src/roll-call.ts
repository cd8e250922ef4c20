import type { ClusterState } from './cluster-state.ts';
import { CommandKind, encodeCommand } from './command.ts';
import type { Clock, Consensus } from './ports.ts';

export interface RollCallOptions {
  readonly node: string;
  readonly kernelIncarnation: string;
  /** How long members in contact are waited for. */
  readonly answerMs: number;
}

export interface RollCallDependencies {
  readonly consensus: Consensus;
  readonly state: ClusterState;
  readonly clock: Clock;
}

const pollMs = 20;

/**
 * Rule K9: before a node whose own kernel has never been level activates, every member in contact says which kernel it has
 * now. What is committed of them may be of a kernel that is gone: after a power cut of all machines nobody has the flows
 * of the table any more, and nobody may raise them.
 */
export class RollCall {
  readonly #options: RollCallOptions;
  readonly #dependencies: RollCallDependencies;
  #calledIndex = 0;

  constructor(options: RollCallOptions, dependencies: RollCallDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Calls the roll, unless this kernel vouches for the table by itself.
   *
   * @returns log index behind which the members' kernels are known, 0 if that does not matter.
   * @throws {Error} If the call cannot be committed.
   */
  async run(): Promise<number> {
    const { node, kernelIncarnation, answerMs } = this.#options;
    const { consensus, state, clock } = this.#dependencies;
    const own = state.member(node);
    if (own?.level && own.kernelIncarnation === kernelIncarnation) return 0;
    await consensus.propose(encodeCommand({ kind: CommandKind.rollCall, node }));
    const deadlineMs = clock.nowMs() + answerMs;
    while (!this.#isComplete() && clock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => clock.setTimer(pollMs, resolve));
    }
    return this.#calledIndex;
  }

  /** A roll call is applied. */
  onApplied(node: string, index: number): void {
    if (node === this.#options.node) this.#calledIndex = index;
  }

  #isComplete(): boolean {
    const { consensus, state } = this.#dependencies;
    const others = consensus.status().members.filter(({ id }) => id !== this.#options.node);
    return others.every(
      ({ id, reachable }) =>
        !reachable || (state.member(id)?.announcedIndex ?? 0) > this.#calledIndex,
    );
  }
}
