import type { ReadinessOptions } from './options.ts';
import type { Clock, Consensus } from './ports.ts';

export interface ReadinessDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  /** Log index that this node's kernel is level with. */
  readonly kernelIndex: () => number;
  /** What keeps the kernel from being level, in words, or null. */
  readonly obstacle: () => string | null;
  /** What makes this node unfit to carry traffic even if it was ready, in words, or null (rule K15). */
  readonly impairment: () => string | null;
  readonly onChange: (ready: boolean) => void;
}

/**
 * Whether this node may take the virtual address. Rule V1: ready means that the kernel has reached a commit index that
 * the leader, confirmed by a quorum, named after this node asked; the node's own commit index proves nothing.
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

  constructor(options: ReadinessOptions, dependencies: ReadinessDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#quorumSeenMs = dependencies.clock.nowMs();
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** One sentence that says what is missing, or null when ready. */
  get reason(): string | null {
    if (this.#ready) return null;
    if (this.#failure !== null) return this.#failure;
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

  /** Looks once; called at every progress of the kernel and at a pace. */
  check(): void {
    if (this.#failure !== null) return;
    const { clock, consensus } = this.#dependencies;
    if (consensus.status().quorum) this.#quorumSeenMs = clock.nowMs();
    const withoutQuorumMs = clock.nowMs() - this.#quorumSeenMs;
    const isUnfit = this.#dependencies.impairment() !== null;
    if (this.#ready && (isUnfit || withoutQuorumMs >= this.#options.quorumLostMs)) this.#forget();
    if (!this.#ready) this.#seek();
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
    this.#dependencies.onChange(ready);
  }
}
