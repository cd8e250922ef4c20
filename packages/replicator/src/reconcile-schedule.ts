import type { Applier } from './applier.ts';
import type { ReconcilerOptions } from './options.ts';
import type { Clock, Logger } from './ports.ts';
import type { Promotion } from './promotion.ts';
import type { Readiness } from './readiness.ts';
import type { Reconciler } from './reconciler.ts';
import type { Room } from './room.ts';

export interface ReconcileScheduleDependencies {
  readonly reconciler: Reconciler;
  readonly applier: Applier;
  readonly room: Room;
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
    const { reconciler, promotion, applier, readiness, room, clock } = this.#dependencies;
    room.beginRound();
    const result = await reconciler.run(reason, 'repair');
    if (result === null) return;
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
    if (reconciler.running) return;
    const sinceMs = clock.nowMs() - this.#lastMs;
    if (sinceMs >= this.#options.intervalMs) this.request('background');
    else if (sinceMs >= roomIntervalMs && room.hasRoomAgain) this.request('room');
  }

  stop(): void {
    this.#stopped = true;
  }
}
