import type { FlowFields } from '@raftwall/flow-table';
import type { Applier } from './applier.ts';
import type { Capture } from './capture.ts';
import { type ComparedTable, Comparison, type Truth } from './comparison.ts';
import { DeadlineMemory } from './deadline-memory.ts';
import { DifferenceList } from './difference-list.ts';
import type { Domain } from './domain.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type { ReconcilerOptions } from './options.ts';
import type { Clock, Kernel, Logger } from './ports.ts';
import type { Turns } from './turns.ts';

export interface ReconcileResult {
  readonly reason: string;
  readonly truth: Truth;
  /** Flows that the side to be repaired lacked, had otherwise, and had too many. */
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  readonly durationMs: number;
  /** Of a round that inspects: the same, the first of them by name. */
  readonly found?: DifferenceList;
}

/** How far the round that runs has come. */
export interface ReconcileProgress {
  readonly reason: string;
  /** Entries of the kernel compared, and how many it had when the round began. */
  readonly entries: number;
  readonly entriesExpected: number;
  /** Rows of the table compared, and how many it has. */
  readonly rows: number;
  readonly rowsExpected: number;
}

export interface ReconcilerDependencies {
  readonly kernel: Kernel;
  readonly table: ComparedTable;
  readonly domain: Domain;
  readonly capture: Capture;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly appliedIndex: () => number;
  /** Rounds of all traffic groups, of which one runs at a time: they mark the same rows. */
  readonly rounds: Turns;
  /** The group has all flows: then the kernel's digest must be the table's. */
  readonly isWhole: boolean;
  /** Which side is the truth now; null while neither may be repaired. */
  readonly truth: () => 'kernel' | 'table' | null;
  /** Whether what the table lacks may leave this kernel (rule K10). */
  readonly mayClean: () => boolean;
}

/**
 * What a round is for: `repair` mends the side that is not the truth; `inspect` mends nothing; `endHolds` ends the holds in
 * the kernel of a node that carries traffic without being the active one (rule K14).
 */
export type Purpose = 'repair' | 'inspect' | 'endHolds';

/** Flows that may change while a round runs before it is called off: the next one is due soon. */
const touchedMax = 1_000_000;
/** Differences that a round which inspects remembers by name. */
const foundMax = 4_000;

/** Compares kernel and table, one round after the other. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #dependencies: ReconcilerDependencies;
  readonly #probe = new FlowKeyProbe();
  readonly #deadlines: DeadlineMemory;
  readonly #touched = new Set<number>();
  /** Rounds that wait for the one that runs, at most one of each purpose. */
  readonly #waiting = new Map<Purpose, Promise<ReconcileResult | null>>();
  #running: { readonly reason: string; readonly comparison: Comparison } | null = null;
  #entriesExpected = 0;
  /** This kernel was a standby's and may have holds that no round has ended. */
  #hasHolds = true;
  #last: ReconcileResult | null = null;

  constructor(options: ReconcilerOptions, dependencies: ReconcilerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#deadlines = new DeadlineMemory(options.deadlinesRemembered);
  }

  get running(): boolean {
    return this.#running !== null;
  }

  get last(): ReconcileResult | null {
    return this.#last;
  }

  get progress(): ReconcileProgress | null {
    if (this.#running === null) return null;
    const { reason, comparison } = this.#running;
    return {
      reason,
      entries: comparison.entries,
      entriesExpected: this.#entriesExpected,
      rows: comparison.rows,
      rowsExpected: this.#dependencies.table.size,
    };
  }

  /** An event came for this flow while a dump runs: what the dump says of it may be older. */
  noteEvent(flow: FlowFields): void {
    if (this.#running !== null && this.#touched.size < touchedMax) {
      this.#touched.add(this.#probe.set(flow).hash);
    }
  }

  /**
   * Runs one round behind the one that runs; whoever asks before it has begun shares it.
   *
   * @returns what it found, or null if neither side may be repaired now.
   */
  run(reason: string, purpose: Purpose): Promise<ReconcileResult | null> {
    const waiting = this.#waiting.get(purpose);
    if (waiting !== undefined) return waiting;
    const round = this.#dependencies.rounds.take(async () => {
      this.#waiting.delete(purpose);
      const truth = purpose === 'repair' ? this.#dependencies.truth() : 'none';
      return truth === null ? null : await this.#round(reason, truth, purpose);
    });
    this.#waiting.set(purpose, round);
    return round;
  }

  async #round(reason: string, truth: Truth, purpose: Purpose): Promise<ReconcileResult> {
    const { clock, kernel } = this.#dependencies;
    const startMs = clock.nowMs();
    if (truth === 'table') this.#hasHolds = true;
    const endsHolds = purpose === 'endHolds' || (truth === 'kernel' && this.#hasHolds);
    const found = purpose === 'inspect' ? new DifferenceList(foundMax) : null;
    const comparison = this.#compare(truth, endsHolds, found);
    this.#entriesExpected = kernel.count();
    this.#running = { reason, comparison };
    try {
      await comparison.run();
      if (truth === 'kernel' && !this.#isOver(truth)) this.#hasHolds = false;
      if (this.#dependencies.isWhole) this.#noteDigest(comparison.isIdentical);
    } finally {
      this.#running = null;
      this.#touched.clear();
    }
    const { created, updated, deleted } = comparison;
    const durationMs = clock.nowMs() - startMs;
    const result = { reason, truth, created, updated, deleted, durationMs };
    if (truth !== 'none') this.#note(result);
    return found === null ? result : { ...result, found };
  }

  #compare(truth: Truth, endsHolds: boolean, found: DifferenceList | null): Comparison {
    const startIndex = this.#dependencies.appliedIndex();
    return new Comparison({ truth, endsHolds, startIndex, found }, this.#options, {
      ...this.#dependencies,
      touched: this.#touched,
      deadlines: this.#deadlines,
      isOver: () => this.#isOver(truth),
    });
  }

  /** A difference that the comparison of flow by flow has not found. */
  #noteDigest(isIdentical: boolean | null): void {
    const { counters, logger } = this.#dependencies;
    if (isIdentical === null) return;
    counters.kernelDigestsCompared += 1;
    if (isIdentical) return;
    counters.kernelDigestsDifferent += 1;
    logger.warn({}, 'the digest of the kernel differs from that of the table');
  }

  #note(result: ReconcileResult): void {
    const { counters, logger } = this.#dependencies;
    this.#last = result;
    counters.reconciles += 1;
    counters.reconcileRepairs += result.created + result.updated + result.deleted;
    logger.info(result, 'kernel and table compared');
  }

  /** The truth is on the other side now, or too much has changed meanwhile. */
  #isOver(truth: Truth): boolean {
    if (this.#touched.size >= touchedMax) return true;
    return truth !== 'none' && this.#dependencies.truth() !== truth;
  }
}
