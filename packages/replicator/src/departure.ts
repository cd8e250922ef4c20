import type { ClusterState } from './cluster-state.ts';
import { RefusalError } from './errors.ts';
import { handLeadershipOver } from './heirs.ts';
import type { ActivityOptions, VrrpMode } from './options.ts';
import type { Clock, Consensus, Logger } from './ports.ts';

export interface DepartureOptions extends Pick<ActivityOptions, 'leaveMs' | 'handoverGraceMs'> {
  readonly node: string;
  readonly vrrpMode: VrrpMode | null;
}

/** What a departure needs of a traffic group. */
interface DepartingGroup {
  readonly name: string;
  readonly isActive: boolean;
  leave(hasSuccessor: () => boolean): Promise<void>;
  setDrained(isDrained: boolean): void;
}

export interface DepartureDependencies {
  readonly consensus: Consensus;
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly groups: readonly DepartingGroup[];
}

const pollMs = 20;

/**
 * How a node hands over what it carries, for good (rule V4) or for maintenance. In `strict` leadership goes first, since only a
 * leader may hold the address; in the other modes the address goes first.
 */
export class Departure {
  readonly #options: DepartureOptions;
  readonly #dependencies: DepartureDependencies;

  constructor(options: DepartureOptions, dependencies: DepartureDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Rule V4: nobody is waited for who could not take over. */
  async leave(): Promise<void> {
    const { groups } = this.#dependencies;
    await this.#strictLeadershipFirst();
    await Promise.all(groups.map((group) => group.leave(() => this.#hasSuccessor())));
    await handLeadershipOver(this.#options.node, this.#dependencies);
  }

  /**
   * Carries nothing any more, until `undrain` or the end of the daemon; resolves when another node does.
   *
   * @throws {RefusalError} If nobody could take over, or nobody did; then nothing has changed.
   */
  async drain(): Promise<void> {
    const { groups } = this.#dependencies;
    if (groups.some(({ isActive }) => isActive) && !this.#hasSuccessor()) {
      throw new RefusalError('not-ready', 'no other member in contact is ready to take over');
    }
    await this.#strictLeadershipFirst();
    for (const group of groups) group.setDrained(true);
    const stays = await this.#untilInactive();
    if (stays !== null) {
      this.undrain();
      throw new RefusalError('transfer-failed', `no other node has taken over ${stays} in time`);
    }
    await handLeadershipOver(this.#options.node, this.#dependencies);
  }

  undrain(): void {
    for (const group of this.#dependencies.groups) group.setDrained(false);
  }

  /** The new leader is to be eligible before the old one is not (rule V8). */
  async #strictLeadershipFirst(): Promise<void> {
    if (this.#options.vrrpMode !== 'strict') return;
    await handLeadershipOver(this.#options.node, this.#dependencies);
    await this.#pause(this.#options.handoverGraceMs);
  }

  /** Another member is ready and in contact, and VRRP can be made to choose it. */
  #hasSuccessor(): boolean {
    const { consensus, state } = this.#dependencies;
    const { members, quorum } = consensus.status();
    const { node, vrrpMode } = this.#options;
    return (
      quorum &&
      vrrpMode !== null &&
      members.some(({ id, reachable }) => id !== node && reachable && state.member(id)?.ready)
    );
  }

  /** @returns the name of a group that is still active here when the time is over, else null */
  async #untilInactive(): Promise<string | null> {
    const { groups, clock } = this.#dependencies;
    const deadlineMs = clock.nowMs() + this.#options.leaveMs;
    const active = () => groups.find(({ isActive }) => isActive)?.name ?? null;
    while (active() !== null && clock.nowMs() < deadlineMs) await this.#pause(pollMs);
    return active();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#dependencies.clock.setTimer(delayMs, resolve));
  }
}
