import type { ReadinessOptions } from './options.ts';
import type { Clock, Consensus, Logger } from './ports.ts';

export interface ReadinessDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Log index that this node's kernel is level with. */
  readonly kernelIndex: () => number;
  readonly appliedIndex: () => number;
  /** What keeps the kernel from being level, in words, or null. */
  readonly obstacle: () => string | null;
  /** What makes this node unfit to carry traffic even if it was ready, in words, or null (rule K15). */
  readonly impairment: () => string | null;
  readonly onChange: (ready: boolean) => void;
}

/**
 * Whether this node may take the virtual address. Rule V1: ready means that the kernel has reached a commit index that
 * the leader, confirmed by a quorum, named after this node asked; the node's own commit index proves nothing. Rule V2: it is
 * sticky, and what ends it is named here.
 */
export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #dependencies: ReadinessDependencies;
  #ready = false;
  #failure: string | null = null;
  #targetIndex: number | null = null;
  #asking = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #quorumSeenMs: number;
  #levelSeenMs: number;
  #unreadySinceMs: number;
  #isDrained = false;

  constructor(options: ReadinessOptions, dependencies: ReadinessDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#quorumSeenMs = dependencies.clock.nowMs();
    this.#levelSeenMs = this.#quorumSeenMs;
    this.#unreadySinceMs = this.#quorumSeenMs;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** One sentence that says what is missing, or null when ready. */
  get reason(): string | null {
    if (this.#ready) return null;
    if (this.#failure !== null) return this.#failure;
    if (this.#isDrained) return 'drained by a person; `raftwall undrain` ends it';
    const obstacle = this.#obstacle();
    if (obstacle !== null) return obstacle;
    if (this.#targetIndex === null)
      return 'no leader confirmed by a quorum has named a commit index yet';
    const kernelIndex = this.#dependencies.kernelIndex();
    return `the kernel is level with index ${kernelIndex} of ${this.#targetIndex}`;
  }

  /** This node can never be ready again in this life. */
  fail(reason: string): void {
    this.#failure = reason;
    this.#set(false);
  }

  /** A person wants this node to carry nothing, or again what may come. */
  setDrained(isDrained: boolean): void {
    this.#isDrained = isDrained;
    if (isDrained) this.#forget();
    else this.check();
  }

  /** Another node is active: its kernel is the truth, of which this one may lack something. */
  onOtherActivation(): void {
    const { kernelIndex, appliedIndex } = this.#dependencies;
    if (kernelIndex() < appliedIndex()) this.#forget();
  }

  /** Looks once; called at every progress of the kernel and at a pace. */
  check(): void {
    if (this.#failure !== null || this.#isDrained) return;
    if (this.#ready && this.#isSpoilt()) this.#forget();
    if (!this.#ready) this.#seek();
  }

  #isSpoilt(): boolean {
    const { clock, consensus, kernelIndex, impairment } = this.#dependencies;
    const { quorumLostMs, lagEntriesMax, lagMsMax } = this.#options;
    const nowMs = clock.nowMs();
    const { quorum, commitIndex } = consensus.status();
    if (quorum) this.#quorumSeenMs = nowMs;
    if (commitIndex - kernelIndex() <= lagEntriesMax) this.#levelSeenMs = nowMs;
    const isCutOff = nowMs - this.#quorumSeenMs >= quorumLostMs;
    const isBehind = nowMs - this.#levelSeenMs >= lagMsMax;
    return isCutOff || isBehind || impairment() !== null;
  }

  /** Says once why it takes so long. */
  warnIfOverdue(): void {
    const { clock, logger } = this.#dependencies;
    if (this.#ready || clock.nowMs() - this.#unreadySinceMs < this.#options.deadlineMs) return;
    this.#unreadySinceMs = Number.POSITIVE_INFINITY;
    logger.warn({ reason: this.reason }, 'this node is not ready in time');
  }

  /** The kernel may lack something again: start over. */
  reset(): void {
    this.#forget();
  }

  #forget(): void {
    this.#targetIndex = null;
    this.#set(false);
  }

  #obstacle(): string | null {
    return this.#dependencies.obstacle() ?? this.#dependencies.impairment();
  }

  #seek(): void {
    const { kernelIndex, clock } = this.#dependencies;
    if (this.#targetIndex !== null) {
      if (this.#obstacle() === null && kernelIndex() >= this.#targetIndex) this.#set(true);
      return;
    }
    if (this.#asking || clock.nowMs() - this.#askedAtMs < this.#options.askIntervalMs) return;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    this.#askedAtMs = this.#dependencies.clock.nowMs();
    try {
      this.#targetIndex = await this.#dependencies.consensus.readIndex();
    } catch {
      // No leader, or it lost its quorum meanwhile: asked again at the next check.
    }
    this.#asking = false;
    this.check();
  }

  #set(ready: boolean): void {
    if (this.#ready === ready) return;
    this.#ready = ready;
    this.#quorumSeenMs = this.#dependencies.clock.nowMs();
    this.#levelSeenMs = this.#quorumSeenMs;
    this.#unreadySinceMs = this.#quorumSeenMs;
    this.#dependencies.onChange(ready);
  }
}
