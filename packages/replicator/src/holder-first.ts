import type { ClusterState } from './cluster-state.ts';
import type { ActivityOptions, VrrpMode } from './options.ts';
import type { Clock, Consensus, Logger } from './ports.ts';

export interface HolderFirstOptions extends Pick<ActivityOptions, 'handoverMs'> {
  readonly vrrpMode: VrrpMode | null;
  readonly group: string;
  readonly node: string;
}

export interface HolderFirstDependencies {
  readonly consensus: Consensus;
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly logger: Logger;
}

const pauseMsMin = 1_000;
const pauseMsMax = 60_000;

/**
 * Rule V9: in `lead` the address follows the leader, but after a crash VRRP is first. A leader that is not the active node
 * hands leadership to the active node if that is ready, before its own claim to the address counts: one move, not two.
 */
export class HolderFirst {
  readonly #options: HolderFirstOptions;
  readonly #dependencies: HolderFirstDependencies;
  #handing = false;
  #pausedUntilMs = 0;
  #pauseMs = pauseMsMin;

  constructor(options: HolderFirstOptions, dependencies: HolderFirstDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** A person moves leadership and address: leadership goes first. */
  pause(): void {
    this.#pausedUntilMs = this.#dependencies.clock.nowMs() + this.#options.handoverMs;
  }

  /** Looks once. */
  check(): void {
    const { clock } = this.#dependencies;
    if (this.#options.vrrpMode !== 'lead' || this.#handing || clock.nowMs() < this.#pausedUntilMs) {
      return;
    }
    const holder = this.#readyHolder();
    if (holder !== null) void this.#handTo(holder);
  }

  #readyHolder(): string | null {
    const { consensus, state } = this.#dependencies;
    const { node, released } = state.group(this.#options.group);
    if (node === null || released || node === this.#options.node) return null;
    const { role, quorum, members } = consensus.status();
    if (role !== 'leader' || !quorum || state.member(node)?.ready !== true) return null;
    return members.some(({ id, reachable }) => id === node && reachable) ? node : null;
  }

  async #handTo(holder: string): Promise<void> {
    const { consensus, clock, logger } = this.#dependencies;
    this.#handing = true;
    try {
      await consensus.transferLeadership(holder);
      this.#pauseMs = pauseMsMin;
      logger.info({ to: holder }, 'leadership goes to the active node');
    } catch (error) {
      logger.warn({ err: error, to: holder }, 'leadership could not go to the active node');
      this.#pausedUntilMs = clock.nowMs() + this.#pauseMs;
      this.#pauseMs = Math.min(2 * this.#pauseMs, pauseMsMax);
    }
    this.#handing = false;
  }
}
