import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Clock, Logger, ReadinessSink } from './ports.ts';

export interface VrrpReportOptions {
  /** How long the members step back for a planned hand-over. */
  readonly handoverMs: number;
  /** A node that starts as MASTER keeps VRRP's opinion of it for so long. */
  readonly deadlineMs: number;
}

export interface VrrpReportDependencies {
  readonly sink: ReadinessSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
}

/** What VRRP is told of this node through the track file: whether it may hold the virtual address. */
export class VrrpReport {
  readonly #options: VrrpReportOptions;
  readonly #dependencies: VrrpReportDependencies;
  #steppedBackUntilMs = 0;
  #keptUntilMs = 0;
  #leaving = false;
  /** What was written last; null when that is not known. */
  #value: 0 | 1 | null = null;

  constructor(options: VrrpReportOptions, dependencies: VrrpReportDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Rule V3: not ready at once, but a node that carries the traffic keeps what VRRP knows until it could be ready. */
  start(isMaster: boolean): void {
    if (isMaster) this.#keptUntilMs = this.#dependencies.clock.nowMs() + this.#options.deadlineMs;
    else this.#write(0);
  }

  /** Another node is to take the address over: this one is not eligible for a while. */
  stepBack(): void {
    this.#steppedBackUntilMs = this.#dependencies.clock.nowMs() + this.#options.handoverMs;
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

  /** @param isSecondMaster says no, so that it yields as soon as it hears the first (rule V6). */
  show(isReady: boolean, isSecondMaster: boolean): void {
    const nowMs = this.#dependencies.clock.nowMs();
    const stepsBack = nowMs < this.#steppedBackUntilMs || this.#leaving || isSecondMaster;
    if (nowMs < this.#keptUntilMs && !isReady && !stepsBack) return;
    this.#keptUntilMs = 0;
    this.#write(isReady && !stepsBack ? 1 : 0);
  }

  #write(value: 0 | 1): void {
    if (this.#value === value) return;
    try {
      this.#dependencies.sink.set(value);
      this.#value = value;
    } catch (error) {
      // Shown again soon; the log must not stand still for a file.
      countBy(this.#dependencies.counters.retries, 'trackFile');
      this.#dependencies.logger.error({ err: error, value }, 'the track file cannot be written');
    }
  }
}
