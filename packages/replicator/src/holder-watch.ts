import type { ClusterState } from './cluster-state.ts';
import { CommandKind, encodeCommand } from './command.ts';
import type { Clock, Consensus, Logger } from './ports.ts';

export interface HolderWatchOptions {
  readonly group: string;
  readonly node: string;
  /** Out of contact for so long the holder is lost: an election timeout. */
  readonly holderLostMs: number;
}

export interface HolderWatchDependencies {
  readonly state: () => ClusterState;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this node itself still wants the epoch that it holds. */
  readonly wantsEpoch: () => boolean;
}

/**
 * Ends epochs that have no writer any more (rule A3): the leader releases the epoch of a holder that it lost contact
 * with, and a node releases an epoch of its own former life. The next MASTER can then activate at once.
 */
export class HolderWatch {
  readonly #options: HolderWatchOptions;
  readonly #dependencies: HolderWatchDependencies;
  #lostSinceMs: number | null = null;
  #proposing = false;

  constructor(options: HolderWatchOptions, dependencies: HolderWatchDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Looks once; called several times in an election timeout. */
  check(): void {
    const group = this.#dependencies.state().group(this.#options.group);
    if (group.released || group.node === null) {
      this.#lostSinceMs = null;
    } else if (group.node === this.#options.node) {
      if (!this.#dependencies.wantsEpoch()) this.#release(group.node, group.epoch, 'left');
    } else if (this.#isLost(group.node)) {
      this.#release(group.node, group.epoch, 'lost');
    }
  }

  #isLost(holder: string): boolean {
    const { consensus, clock } = this.#dependencies;
    const status = consensus.status();
    const member = status.members.find(({ id }) => id === holder);
    if (status.role !== 'leader' || !status.quorum || member?.reachable === true) {
      this.#lostSinceMs = null;
      return false;
    }
    this.#lostSinceMs ??= clock.nowMs();
    return clock.nowMs() - this.#lostSinceMs >= this.#options.holderLostMs;
  }

  #release(node: string, epoch: number, reason: 'left' | 'lost'): void {
    if (this.#proposing || !this.#dependencies.consensus.status().quorum) return;
    this.#proposing = true;
    this.#dependencies.logger.info({ holder: node, epoch, reason }, 'releasing an epoch');
    const command = encodeCommand({
      kind: CommandKind.release,
      group: this.#options.group,
      node,
      epoch,
      reason,
    });
    void this.#dependencies.consensus
      .propose(command)
      .catch(() => null)
      .then(() => {
        this.#proposing = false;
      });
  }
}
