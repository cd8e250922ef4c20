import { FlowAttribute, type FlowFields, FlowRecord } from '@raftwall/flow-table';
import type { Applier } from './applier.ts';
import type { Capture } from './capture.ts';
import { sameReply } from './collisions.ts';
import type { Domain } from './domain.ts';
import { flowDifference } from './flow-difference.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import { SlotFlag } from './local-flag.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type { ReconcilerOptions } from './options.ts';
import type { Clock, Kernel, KernelEntryCursor, Logger } from './ports.ts';

/** What reconcile needs of the replicated table. */
interface ReconciledTable {
  find(flow: FlowFields): number;
  read(slot: number, into: FlowFields): void;
  localFlags(slot: number): number;
  setLocalFlags(slot: number, flags: number): void;
  /** Log index of the last change of the row. */
  localIndex(slot: number): number;
  /** Visits rows from `cursor` on, about `limit` of them; returns where to go on, or -1 at the end. */
  forEachPage(cursor: number, limit: number, visit: (slot: number) => void): number;
}

/**
 * Which side is the truth.
 * - `kernel`: this node is active, what the dump shows is proposed.
 * - `table`: this node is a standby, the kernel is repaired.
 * - `none`: only the local flags are brought up to date (before a promotion), or differences are counted (`verify`).
 */
export type Truth = 'kernel' | 'table' | 'none';

export interface ReconcileResult {
  readonly reason: string;
  readonly truth: Truth;
  /** Flows that the side to be repaired lacked, had otherwise, and had too many. */
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  readonly durationMs: number;
}

export interface ReconcilerDependencies {
  readonly kernel: Kernel;
  readonly table: ReconciledTable;
  readonly domain: Domain;
  readonly capture: Capture;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly appliedIndex: () => number;
  /** Which side is the truth now; null while neither may be repaired. */
  readonly truth: () => 'kernel' | 'table' | null;
  /** Whether what the table lacks may leave this kernel (rule K10). */
  readonly mayClean: () => boolean;
}

/** What a round is for. */
export type Purpose = 'repair' | 'inspect';

const pageRows = 2_000;
/** Flows that may change while a round runs before it is called off: the next one is due soon. */
const touchedMax = 1_000_000;
const seenReply = 1 << 1;

interface Round {
  readonly truth: Truth;
  readonly startIndex: number;
  readonly extras: FlowRecord[];
  readonly gone: FlowRecord[];
  created: number;
  updated: number;
  deleted: number;
}

/**
 * Compares a dump of the kernel with the table and repairs the side that is not the truth. Rule K9: a dump is a hint;
 * whatever changed since it began is left to the events and operations that changed it.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #dependencies: ReconcilerDependencies;
  readonly #flow = new FlowRecord();
  readonly #probe = new FlowKeyProbe();
  readonly #touched = new Set<number>();
  /** Rounds that wait for the one that runs, at most one of each purpose. */
  readonly #waiting = new Map<Purpose, Promise<ReconcileResult | null>>();
  #tail: Promise<unknown> = Promise.resolve();
  #running = false;
  #last: ReconcileResult | null = null;

  constructor(options: ReconcilerOptions, dependencies: ReconcilerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  get running(): boolean {
    return this.#running;
  }

  get last(): ReconcileResult | null {
    return this.#last;
  }

  /** An event came for this flow while a dump runs: what the dump says of it may be older. */
  noteEvent(flow: FlowFields): void {
    if (this.#running && this.#touched.size < touchedMax) {
      this.#touched.add(this.#probe.set(flow).hash);
    }
  }

  /**
   * Runs one round behind the one that runs; whoever asks before it has begun shares it. `repair` mends the side that is not
   * the truth when the round begins; `inspect` mends nothing.
   *
   * @returns what it found, or null if neither side may be repaired now.
   */
  run(reason: string, purpose: Purpose): Promise<ReconcileResult | null> {
    const waiting = this.#waiting.get(purpose);
    if (waiting !== undefined) return waiting;
    const round = this.#tail.then(() => {
      this.#waiting.delete(purpose);
      const truth = purpose === 'inspect' ? 'none' : this.#dependencies.truth();
      return truth === null ? null : this.#round(reason, truth);
    });
    this.#waiting.set(purpose, round);
    this.#tail = round.catch(() => undefined);
    return round;
  }

  async #round(reason: string, truth: Truth): Promise<ReconcileResult> {
    const { clock, logger, counters, kernel, appliedIndex } = this.#dependencies;
    const startMs = clock.nowMs();
    const round = {
      truth,
      startIndex: appliedIndex(),
      extras: [],
      gone: [],
      created: 0,
      updated: 0,
      deleted: 0,
    };
    this.#running = true;
    try {
      await kernel.dump((page) => this.#onPage(round, page));
      await this.#findMissing(round);
      await this.#settle(round);
    } finally {
      this.#running = false;
      this.#touched.clear();
    }
    const { created, updated, deleted } = round;
    const durationMs = clock.nowMs() - startMs;
    const result = { reason, truth, created, updated, deleted, durationMs };
    if (truth !== 'none') {
      this.#last = result;
      counters.reconciles += 1;
      counters.reconcileRepairs += created + updated + deleted;
      logger.info(result, 'kernel and table compared');
    }
    return result;
  }

  /** Its side of the truth has changed under it, or too much else: what it finds means nothing any more. */
  #isOver(round: Round): boolean {
    if (this.#touched.size >= touchedMax) return true;
    return round.truth !== 'none' && this.#dependencies.truth() !== round.truth;
  }

  async #onPage(round: Round, page: KernelEntryCursor): Promise<void> {
    if (this.#isOver(round)) return;
    while (page.next()) {
      if (this.#dependencies.domain.contains(page.entry)) this.#onEntry(round, page.entry);
    }
    if (round.truth === 'kernel') {
      this.#dependencies.capture.flush();
      await this.#dependencies.capture.roomForMore();
    }
    await nextTurn();
  }

  #onEntry(round: Round, entry: FlowFields): void {
    const { table } = this.#dependencies;
    const slot = table.find(entry);
    if (slot < 0) this.#onUnknownEntry(round, entry);
    else {
      const found = SlotFlag.dumped | SlotFlag.inKernel | SlotFlag.seenInKernel;
      const flags = table.localFlags(slot) & ~(SlotFlag.missedOnce | SlotFlag.destroyedHere);
      table.setLocalFlags(slot, flags | found);
      if (!this.#isFresh(round, slot, entry)) this.#compare(round, slot, entry);
    }
  }

  #onUnknownEntry(round: Round, entry: FlowFields): void {
    if (this.#touched.has(this.#probe.set(entry).hash)) return;
    if (round.truth === 'kernel') {
      if (!this.#dependencies.capture.isAdmitted(entry)) return;
      round.created += 1;
      this.#dependencies.capture.report(entry, false);
      return;
    }
    // Rule K1: an unreplied entry that the table does not know is left to expire.
    if ((entry.status & seenReply) === 0 || round.extras.length >= this.#options.deletesMax) return;
    const extra = new FlowRecord();
    extra.copyFrom(entry);
    round.extras.push(extra);
  }

  #compare(round: Round, slot: number, entry: FlowFields): void {
    this.#dependencies.table.read(slot, this.#flow);
    const differs = sameReply(this.#flow, entry)
      ? flowDifference(round.truth, this.#flow, entry)
      : FlowAttribute.reply;
    if (differs === 0) {
      const { applier } = this.#dependencies;
      if (round.truth === 'table' && applier.hold.isDue(this.#flow, entry)) {
        applier.restoreHold(slot, entry);
      }
      return;
    }
    round.updated += 1;
    if (round.truth === 'kernel') {
      const known = differs !== FlowAttribute.reply;
      this.#dependencies.capture.report(entry, known);
    } else if (round.truth === 'table') {
      if (differs === FlowAttribute.reply) this.#dependencies.applier.deleteKernelEntry(entry);
      this.#dependencies.applier.enqueue(slot);
    }
  }

  /** Whether something newer than the dump is known of the row. */
  #isFresh(round: Round, slot: number, flow: FlowFields): boolean {
    const { table } = this.#dependencies;
    if (table.localIndex(slot) > round.startIndex) return true;
    if (table.localFlags(slot) & SlotFlag.queued) return true;
    return this.#touched.has(this.#probe.set(flow).hash);
  }

  async #findMissing(round: Round): Promise<void> {
    const { table } = this.#dependencies;
    for (let cursor = 0; cursor >= 0; ) {
      cursor = table.forEachPage(cursor, pageRows, (slot) => this.#onSlot(round, slot));
      await nextTurn();
    }
  }

  #onSlot(round: Round, slot: number): void {
    const { table, domain } = this.#dependencies;
    const flags = table.localFlags(slot);
    table.setLocalFlags(slot, flags & ~SlotFlag.dumped);
    if (flags & SlotFlag.dumped || this.#isOver(round)) return;
    table.read(slot, this.#flow);
    if (!domain.contains(this.#flow) || this.#isFresh(round, slot, this.#flow)) return;
    if (round.truth === 'kernel') this.#onGoneFromKernel(round, slot, flags);
    else this.#onMissingInKernel(round, slot, flags);
  }

  #onMissingInKernel(round: Round, slot: number, flags: number): void {
    round.created += 1;
    const { table, applier } = this.#dependencies;
    // A hold that ran out, or somebody's delete: a standby's kernel follows the table.
    const kept = round.truth === 'table' ? flags & ~SlotFlag.destroyedHere : flags;
    table.setLocalFlags(slot, kept & ~(SlotFlag.dumped | SlotFlag.inKernel));
    if (round.truth === 'table') applier.enqueue(slot);
  }

  /** Rule K9: only a flow that was here, missed twice or seen to be destroyed, may have ended. */
  #onGoneFromKernel(round: Round, slot: number, flags: number): void {
    const cleared = flags & ~SlotFlag.dumped;
    if ((flags & SlotFlag.seenInKernel) === 0) return;
    if ((flags & (SlotFlag.missedOnce | SlotFlag.destroyedHere)) === 0) {
      this.#dependencies.table.setLocalFlags(slot, cleared | SlotFlag.missedOnce);
      return;
    }
    const gone = new FlowRecord();
    gone.copyFrom(this.#flow);
    if (round.gone.length < this.#options.deletesMax) round.gone.push(gone);
  }

  async #settle(round: Round): Promise<void> {
    if (this.#isOver(round)) return;
    if (round.truth === 'kernel') await this.#proposeGone(round);
    else this.#cleanKernel(round);
  }

  async #proposeGone(round: Round): Promise<void> {
    const { kernel, capture } = this.#dependencies;
    if (round.gone.length > 0) {
      const alive = new Set<number>();
      await kernel.lookup(round.gone, 'original', (position) => alive.add(position));
      for (const [position, flow] of round.gone.entries()) {
        if (alive.has(position) || this.#touched.has(this.#probe.set(flow).hash)) continue;
        round.deleted += 1;
        capture.reportGone(flow);
      }
    }
    capture.flush();
  }

  #cleanKernel(round: Round): void {
    const { table, applier, mayClean } = this.#dependencies;
    if (round.truth === 'none') {
      round.deleted = round.extras.length;
      return;
    }
    if (!mayClean()) return;
    for (const extra of round.extras) {
      if (table.find(extra) >= 0) continue;
      round.deleted += 1;
      applier.deleteKernelEntry(extra);
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
