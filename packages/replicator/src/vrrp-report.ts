import type { Claim, TrackValue } from './claim.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { VrrpMode } from './options.ts';
import type { Clock, Logger, ReadinessSink } from './ports.ts';

export interface VrrpReportOptions {
  readonly mode: VrrpMode | null;
  /** How long the members step back for a planned hand-over. */
  readonly handoverMs: number;
  /** A node that starts as MASTER keeps VRRP's opinion of it for so long. */
  readonly deadlineMs: number;
  /** Pause between two signs of life. */
  readonly signOfLifeMs: number;
}

export interface VrrpReportDependencies {
  readonly sink: ReadinessSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
}

/** What decides whether this node is fit to carry traffic. */
export interface Fitness {
  readonly ready: boolean;
  /** Says no, so that it yields as soon as it hears the first (rule V6). */
  readonly secondMaster: boolean;
}

/** What VRRP is told of this node through the track file: whether it may hold the virtual address. */
export class VrrpReport {
  readonly #options: VrrpReportOptions;
  readonly #dependencies: VrrpReportDependencies;
  #claim: Claim | null = null;
  #fitness: Fitness = { ready: false, secondMaster: false };
  #steppedBackUntilMs = 0;
  #keptUntilMs = 0;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #leaving = false;
  /** What was written last; null when that is not known. */
  #value: TrackValue | null = null;
  #cancelLook: (() => void) | null = null;

  constructor(options: VrrpReportOptions, dependencies: VrrpReportDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Rule V3: not ready at once, but a node that carries the traffic keeps what VRRP knows until it could be ready. Not in
   * `strict`: there only a lease counts, which nobody has who has just started (rule V8).
   */
  start(isMaster: boolean, claim: Claim): void {
    this.#claim = claim;
    const { clock, sink } = this.#dependencies;
    const isKept = isMaster && this.#options.mode !== 'strict';
    if (isKept) this.#keptUntilMs = clock.nowMs() + this.#options.deadlineMs;
    // Also what is kept is written: a file that is not there reads as 0, and has no age to be renewed.
    this.#write(isKept ? sink.value : 0);
  }

  stop(): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
    this.#claim = null;
  }

  /** A person moves the address to `isTarget`: this node, or another one. */
  handover(isTarget: boolean): void {
    if (isTarget) this.#claim?.expectHandover();
    else if (this.#options.mode === 'follow') {
      this.#steppedBackUntilMs = this.#dependencies.clock.nowMs() + this.#options.handoverMs;
    }
    this.#look();
  }

  /** The hand-over is done. */
  stepForward(): void {
    this.#steppedBackUntilMs = 0;
  }

  /** This node is not eligible any more in this life (rule V4). */
  leave(): void {
    this.#leaving = true;
    this.#write(0);
  }

  show(fitness: Fitness): void {
    this.#fitness = fitness;
    this.#look();
  }

  /** Rule V3: renews the sign of life, and writes again what is not what was written. */
  signLife(): void {
    const { clock, sink } = this.#dependencies;
    if (clock.nowMs() - this.#renewedAtMs < this.#options.signOfLifeMs) return;
    this.#renewedAtMs = clock.nowMs();
    if (this.#value !== null && sink.value !== this.#value) this.#write(this.#value, true);
    else this.#attempt('renewed', () => sink.renew());
  }

  #look(): void {
    if (this.#claim === null) return;
    const { ready, secondMaster } = this.#fitness;
    const nowMs = this.#dependencies.clock.nowMs();
    const stepsBack = nowMs < this.#steppedBackUntilMs || this.#leaving || secondMaster;
    const value = ready && !stepsBack ? this.#claim.value() : 0;
    this.#lookAgain(this.#claim.validForMs());
    if (nowMs < this.#keptUntilMs && !ready && !stepsBack) return;
    this.#keptUntilMs = 0;
    this.#write(value);
  }

  #lookAgain(delayMs: number): void {
    this.#cancelLook?.();
    this.#cancelLook = Number.isFinite(delayMs)
      ? this.#dependencies.clock.setTimer(delayMs, () => this.#look())
      : null;
  }

  #write(value: TrackValue, again = false): void {
    if (this.#value === value && !again) return;
    // Shown again soon if it fails; the log must not stand still for a file.
    const isWritten = this.#attempt(`set to ${value}`, () => this.#dependencies.sink.set(value));
    this.#value = isWritten ? value : null;
  }

  #attempt(what: string, action: () => void): boolean {
    const { counters, logger } = this.#dependencies;
    try {
      action();
      return true;
    } catch (error) {
      countBy(counters.retries, 'trackFile');
      logger.error({ err: error }, `the track file cannot be ${what}`);
      return false;
    }
  }
}
