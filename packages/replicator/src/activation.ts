import { randomBytes } from 'node:crypto';
import type { ClusterState, Outcome } from './cluster-state.ts';
import {
  type ActivateCommand,
  CommandKind,
  encodeCommand,
  type ReleaseCommand,
} from './command.ts';
import type { ActivityOptions } from './options.ts';
import type { Activity, Clock, Consensus, Logger } from './ports.ts';

/**
 * Where this node stands with the group's epoch.
 * - `standby`: VRRP does not say MASTER, or this node has not asked yet.
 * - `activating`: MASTER; an activation is proposed and not decided.
 * - `promoting`: own activation applied; the kernel is being brought up to it (rule K8).
 * - `active`: the kernel is the truth, capture proposes.
 * - `refused`: MASTER, but another node holds the epoch (rule A3).
 */
export type ActivationState = 'standby' | 'activating' | 'promoting' | 'active' | 'refused';

export interface ActivationOptions extends ActivityOptions {
  readonly group: string;
  readonly node: string;
  readonly kernelIncarnation: string;
  /** As the active node this one asks for leadership: of several groups, the first one's does (rule A5). */
  readonly leads: boolean;
  /** After so long without a quorum the node activates anew. */
  readonly quorumLostMs: number;
}

export interface ActivationDependencies {
  readonly state: () => ClusterState;
  readonly consensus: Consensus;
  readonly activity: Activity;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes sure whose kernels live; resolves with the log index behind which that is known (rule K9). */
  readonly callRoll: () => Promise<number>;
  /** Whether this node is fit to lead. */
  readonly mayLead: () => boolean;
  /** First sign of MASTER: from now on the applier only adds (rule K8). */
  readonly onMastering: () => void;
  /** Own activation is applied: bring the kernel up to `index`, then call back. */
  readonly promote: (epoch: number, index: number) => Promise<void>;
  /** The kernel is the truth from now on. */
  readonly onActive: (epoch: number) => void;
  /** The epoch is about to be given up: what was captured in it goes into the log first. */
  readonly beforeRelease: () => void;
  /** No writer any more; `yielded` when VRRP still says MASTER here. */
  readonly onInactive: (yielded: boolean) => void;
}

const leadershipPauseMsMax = 60_000;

/**
 * Decides when this node asks for the group's epoch, gives it up, and asks for leadership: rules A2 to A5. Everything
 * is decided from levels (VRRP's word, the committed state), so that a lost edge costs nothing.
 */
export class Activation {
  readonly #options: ActivationOptions;
  readonly #dependencies: ActivationDependencies;
  #state: ActivationState = 'standby';
  #epoch = 0;
  #wasMaster = false;
  #masteringTold = false;
  #activeSinceMs = 0;
  #quorumSeenMs: number;
  #timers = new Set<() => void>();
  #leaving = false;
  #departing = false;
  /** Attempts of this life: an activation of a former one is applied again when the log is replayed (rule A2). */
  readonly #attempts = new Set<string>();
  #stopped = false;

  constructor(options: ActivationOptions, dependencies: ActivationDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#quorumSeenMs = dependencies.clock.nowMs();
  }

  get state(): ActivationState {
    return this.#state;
  }

  /** The epoch that this node holds, 0 when it holds none. */
  get epoch(): number {
    return this.#state === 'active' || this.#state === 'promoting' ? this.#epoch : 0;
  }

  get isMaster(): boolean {
    return this.#dependencies.activity.state === 'MASTER';
  }

  /** MASTER here, and the epoch is another living node's (rule A3). */
  get splitVip(): boolean {
    return this.#state === 'refused' && this.isMaster;
  }

  /** Whether the epoch is kept although VRRP may say otherwise. */
  get departing(): boolean {
    return this.#departing;
  }

  /**
   * Rule V4: who hands its traffic over captures until another node is active, also after VRRP has taken MASTER away, since what
   * happened before may still be on its way from the kernel.
   */
  setDeparting(departing: boolean): void {
    if (this.#departing === departing) return;
    this.#departing = departing;
    if (!departing && !this.isMaster) this.#onMasterLost();
  }

  start(): void {
    this.#dependencies.activity.onChange(() => this.#followVrrp());
    this.#followVrrp();
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Gives the epoch up before the daemon ends. */
  async leave(): Promise<void> {
    this.#leaving = true;
    if (this.#state === 'active' || this.#state === 'promoting') await this.#release();
  }

  /**
   * Rule V5: a holder serves from its kernel while there is no quorum. What happened meanwhile may be more than capture keeps, so
   * that with the quorum back it activates anew, and the comparison that follows finds everything. Looks once.
   */
  check(): void {
    const { consensus, clock } = this.#dependencies;
    if (!consensus.status().quorum) return;
    const nowMs = clock.nowMs();
    const withoutMs = nowMs - this.#quorumSeenMs;
    this.#quorumSeenMs = nowMs;
    if (withoutMs >= this.#options.quorumLostMs) this.restart();
  }

  /** This node lost its place in the sequence (rule A2): it starts capture anew under a new epoch. */
  restart(): void {
    if (this.#state !== 'active') return;
    this.#becomeInactive('refused');
    this.#attempt();
  }

  /** An activation was decided; called on every member in log order. */
  onActivationApplied(command: ActivateCommand, outcome: Outcome, index: number): void {
    if (command.group !== this.#options.group || outcome.kind !== 'accepted') return;
    if (command.node === this.#options.node) {
      if (this.#attempts.has(command.attempt)) this.#onOwnActivation(index);
    } else this.#onOtherActivation(command.node);
  }

  /** An epoch ended; called on every member in log order. */
  onReleaseApplied(command: ReleaseCommand, outcome: Outcome): void {
    if (command.group !== this.#options.group || outcome.kind !== 'accepted') return;
    if (command.node === this.#options.node && this.epoch === command.epoch) {
      this.#becomeInactive(this.isMaster ? 'refused' : 'standby');
    }
    if (this.#state === 'refused' && this.isMaster) this.#attempt();
  }

  /**
   * The committed state was replaced by a snapshot: what was decided in between was not told one by one, and capture
   * has to begin anew in any case (rules T5, A2).
   */
  onRestored(index: number): void {
    const group = this.#dependencies.state().group(this.#options.group);
    const { epoch } = this;
    if (epoch > 0 && group.epoch !== epoch) this.#onOtherActivation(group.node ?? 'a snapshot');
    else if (epoch > 0) this.#becomeInactive(this.isMaster ? 'refused' : 'standby');
    if (this.#state === 'activating' && this.#attempts.has(group.attempt)) {
      this.#onOwnActivation(index);
    }
    if (this.#state !== 'refused' || !this.isMaster) return;
    if (group.released || group.node === this.#options.node) this.#attempt();
  }

  #followVrrp(): void {
    if (this.#stopped) return;
    const { activity } = this.#dependencies;
    if (activity.mastering && !this.#masteringTold) this.#dependencies.onMastering();
    this.#masteringTold = activity.mastering;
    if (this.isMaster === this.#wasMaster) return;
    this.#wasMaster = this.isMaster;
    if (this.isMaster) this.#attempt();
    else if (!this.#departing || this.epoch === 0) this.#onMasterLost();
  }

  #onMasterLost(): void {
    const held = this.#state === 'active' || this.#state === 'promoting';
    if (held) void this.#release();
    this.#becomeInactive('standby');
  }

  /** One attempt for this transition: retried under the same id until the log has decided (rule A4). */
  #attempt(): void {
    if (this.#leaving) return;
    this.#state = 'activating';
    const { epoch } = this.#dependencies.state().group(this.#options.group);
    const attempt = randomBytes(8).toString('hex');
    this.#attempts.add(attempt);
    void this.#propose(attempt, epoch);
  }

  async #propose(attempt: string, expectedEpoch: number): Promise<void> {
    while (!this.#stopped && this.#state === 'activating') {
      const outcome = await this.#proposeOnce(attempt, expectedEpoch).catch(() => null);
      if (outcome === null) await this.#pause(this.#options.retryMs);
      else return this.#onDecided(outcome);
    }
  }

  async #proposeOnce(attempt: string, expectedEpoch: number): Promise<Outcome> {
    const { consensus, callRoll } = this.#dependencies;
    const { group, node, kernelIncarnation } = this.#options;
    const rollCallIndex = await callRoll();
    return consensus.propose(
      encodeCommand({
        kind: CommandKind.activate,
        ...{ group, node, attempt, expectedEpoch, kernelIncarnation, rollCallIndex },
      }),
    );
  }

  #onDecided(outcome: Outcome): void {
    if (this.#state !== 'activating' || outcome.kind !== 'refused') return;
    this.#state = 'refused';
    const group = this.#dependencies.state().group(this.#options.group);
    if (group.released || group.node === this.#options.node) this.#attempt();
    else
      this.#dependencies.logger.warn(
        { holder: group.node, epoch: group.epoch },
        'activation refused',
      );
  }

  #onOwnActivation(index: number): void {
    const { epoch } = this.#dependencies.state().group(this.#options.group);
    this.#epoch = epoch;
    if (this.#state !== 'activating') {
      // VRRP changed its mind while the activation was under way: the epoch has no writer.
      void this.#release();
      return;
    }
    this.#state = 'promoting';
    void this.#promote(epoch, index);
  }

  async #promote(epoch: number, index: number): Promise<void> {
    while (!this.#stopped && this.#state === 'promoting' && this.#epoch === epoch) {
      try {
        await this.#dependencies.promote(epoch, index);
        this.#onPromoted(epoch);
        return;
      } catch (error) {
        // Nobody captures until it succeeds, and nobody else may: it is tried for as long as the epoch is held.
        this.#dependencies.logger.error({ err: error }, 'the promotion failed and is tried again');
        await this.#pause(this.#options.retryMs);
      }
    }
  }

  #onPromoted(epoch: number): void {
    if (this.#state !== 'promoting' || this.#epoch !== epoch) return;
    this.#state = 'active';
    this.#activeSinceMs = this.#dependencies.clock.nowMs();
    this.#dependencies.logger.info({ epoch }, 'this node is the active node');
    this.#dependencies.onActive(epoch);
    if (this.#options.leads) this.#askForLeadershipLater(epoch, this.#options.leadershipAfterMs);
  }

  #onOtherActivation(node: string): void {
    const held = this.#state === 'active' || this.#state === 'promoting';
    if (held) this.#dependencies.logger.warn({ by: node }, 'deposed by a newer activation');
    if (held) this.#becomeInactive(this.isMaster ? 'refused' : 'standby');
  }

  #becomeInactive(state: 'standby' | 'refused'): void {
    const wasStandby = this.#state === 'standby';
    this.#state = state;
    if (!wasStandby) this.#dependencies.onInactive(state === 'refused');
  }

  async #release(): Promise<void> {
    this.#dependencies.beforeRelease();
    const command = encodeCommand({
      kind: CommandKind.release,
      group: this.#options.group,
      node: this.#options.node,
      epoch: this.#epoch,
      reason: 'left',
    });
    for (let tries = 0; tries < 20 && !this.#stopped; tries += 1) {
      const outcome = await this.#dependencies.consensus.propose(command).catch(() => null);
      if (outcome !== null) return;
      await this.#pause(this.#options.retryMs);
    }
  }

  /** Rule A5: forwarding works until then; leadership follows only an activity that lasts. */
  #askForLeadershipLater(epoch: number, afterMs: number): void {
    this.#later(afterMs, () => {
      if (this.#state === 'active' && this.#epoch === epoch)
        void this.#askForLeadership(epoch, afterMs);
    });
  }

  async #askForLeadership(epoch: number, afterMs: number): Promise<void> {
    const { consensus, logger, mayLead } = this.#dependencies;
    let nextMs = this.#options.leadershipAfterMs;
    if (consensus.status().role !== 'leader' && mayLead()) {
      try {
        await consensus.transferLeadership(this.#options.node);
      } catch (error) {
        // Each try holds the log up for a moment: not again too soon.
        nextMs = Math.min(2 * afterMs, leadershipPauseMsMax);
        logger.info({ reason: String(error) }, 'leadership stays where it is');
      }
    }
    this.#askForLeadershipLater(epoch, nextMs);
  }

  /** Milliseconds since this node became active, 0 when it is not. */
  get activeForMs(): number {
    return this.#state === 'active' ? this.#dependencies.clock.nowMs() - this.#activeSinceMs : 0;
  }

  #later(delayMs: number, callback: () => void): void {
    const cancel = this.#dependencies.clock.setTimer(delayMs, () => {
      this.#timers.delete(cancel);
      callback();
    });
    this.#timers.add(cancel);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#later(delayMs, resolve));
  }
}
