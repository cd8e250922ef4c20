import type { Applier } from './applier.ts';
import type { ExpectationComparison } from './expectation-comparison.ts';
import type { ReconcilerOptions } from './options.ts';
import type { Clock, Consensus, Logger } from './ports.ts';
import type { Promotion } from './promotion.ts';
import type { Readiness } from './readiness.ts';
import type { Reconciler } from './reconciler.ts';
import type { Room } from './room.ts';

export interface ReconcileScheduleDependencies {
  readonly reconciler: Reconciler;
  readonly expectations: ExpectationComparison;
  readonly applier: Applier;
  readonly room: Room;
  readonly consensus: Consensus;
  readonly promotion: Promotion;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Least pause between two rounds for the sake of flows that had no room. */
const roomIntervalMs = 1_000;

/** When kernel and table are compared: at every event that may have parted them, and at a pace in the background. */
export class ReconcileSchedule {
  readonly #options: ReconcilerOptions;
  readonly #dependencies: ReconcileScheduleDependencies;
  #lastMs = 0;
  #masterSinceMs: number | null = null;
  /** Holds may be left in this kernel although it carries traffic. */
  #mayHaveHolds = true;
  #hadQuorum: boolean | null = null;
  #stopped = false;

  constructor(options: ReconcilerOptions, dependencies: ReconcileScheduleDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** A round is due now; nobody waits for it. */
  request(reason: string): void {
    if (this.#stopped) return;
    const { clock, logger } = this.#dependencies;
    this.#lastMs = clock.nowMs();
    void this.run(reason).catch((error) =>
      logger.error({ err: error, reason }, 'reconcile failed'),
    );
  }

  /** Runs one round with the truth where it is now, and resolves when its repairs are done. */
  async run(reason: string): Promise<void> {
    const { reconciler, expectations, promotion, applier, readiness, room, clock } =
      this.#dependencies;
    room.beginRound();
    const result = await reconciler.run(reason, 'repair');
    if (result === null) return;
    if (result.truth !== 'none') await expectations.run(result.truth);
    promotion.noteCompared();
    await applier.drained();
    room.endRound();
    if (result.truth === 'table' && applier.mode === 'standby') applier.confirmCompared();
    this.#lastMs = clock.nowMs();
    readiness.check();
  }

  /** Starts a round in the background if its time has come. */
  check(): void {
    const { reconciler, room, clock } = this.#dependencies;
    this.#noteQuorum();
    if (reconciler.running) return;
    this.#endHolds();
    const sinceMs = clock.nowMs() - this.#lastMs;
    if (sinceMs >= this.#intervalMs) this.request('background');
    else if (sinceMs >= roomIntervalMs && room.hasRoomAgain) this.request('room');
  }

  /** The node was made MASTER; it may never become the active one. */
  noteMaster(isMaster: boolean): void {
    if (!isMaster) this.#masterSinceMs = null;
    else this.#masterSinceMs ??= this.#dependencies.clock.nowMs();
  }

  /** Rule K14: holds end where packets are seen, whoever holds the epoch. */
  #endHolds(): void {
    const { applier, clock, reconciler } = this.#dependencies;
    if (applier.mode !== 'addOnly') this.#mayHaveHolds = true;
    if (!this.#mayHaveHolds || this.#masterSinceMs === null || applier.mode !== 'addOnly') return;
    if (clock.nowMs() - this.#masterSinceMs < this.#options.rearmAfterMasterMs) return;
    this.#mayHaveHolds = false;
    void reconciler.run('master without an activation', 'endHolds');
  }

  /** With the quorum back, what happened meanwhile is compared. */
  #noteQuorum(): void {
    const { quorum } = this.#dependencies.consensus.status();
    if (quorum && this.#hadQuorum === false) this.request('quorum regained');
    this.#hadQuorum = quorum;
  }

  /** Often enough on the active node to see timeouts renewed, and as seldom as that allows where a round takes long. */
  get #intervalMs(): number {
    const { intervalMs, activeIntervalMs, pausePerRound } = this.#options;
    const { applier, reconciler } = this.#dependencies;
    if (applier.mode !== 'active') return intervalMs;
    const pauseMs = pausePerRound * (reconciler.last?.durationMs ?? 0);
    return Math.min(intervalMs, Math.max(activeIntervalMs, pauseMs));
  }

  stop(): void {
    this.#stopped = true;
  }
}
