import {
  type DigestSummary,
  FLOW_KEY_BYTES_MAX,
  FlowAttribute,
  FlowDigest,
  type FlowFields,
  FlowRecord,
  readFlowKey,
} from '@raftwall/flow-table';
import type { Applier } from './applier.ts';
import type { Capture } from './capture.ts';
import { sameReply } from './collisions.ts';
import type { DeadlineMemory } from './deadline-memory.ts';
import { DifferenceKind, type DifferenceList } from './difference-list.ts';
import type { Domain } from './domain.ts';
import { flowDifference } from './flow-difference.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import { KeyQueue } from './key-queue.ts';
import { SlotFlag } from './local-flag.ts';
import type { Clock, Kernel, KernelEntryCursor } from './ports.ts';

/** What a comparison needs of the replicated table. */
export interface ComparedTable {
  readonly size: number;
  find(flow: FlowFields): number;
  read(slot: number, into: FlowFields): void;
  localFlags(slot: number): number;
  setLocalFlags(slot: number, flags: number): void;
  /** Log index of the last change of the row. */
  localIndex(slot: number): number;
  /** Visits rows from `cursor` on, about `limit` of them; returns where to go on, or -1 at the end. */
  forEachPage(cursor: number, limit: number, visit: (slot: number) => void): number;
  digest(): DigestSummary;
}

/**
 * Which side is the truth.
 * - `kernel`: this node is active, what the dump shows is proposed.
 * - `table`: this node is a standby, the kernel is repaired.
 * - `none`: neither is repaired; the local flags are brought up to date and differences are counted.
 */
export type Truth = 'kernel' | 'table' | 'none';

export interface ComparisonPlan {
  readonly truth: Truth;
  /** Holds that are left in this kernel are ended (rule K14). */
  readonly endsHolds: boolean;
  /** Log index of the table when the comparison begins. */
  readonly startIndex: number;
  /** Where what is found is named one by one, if anybody wants to know. */
  readonly found: DifferenceList | null;
}

export interface ComparisonDependencies {
  readonly kernel: Kernel;
  readonly table: ComparedTable;
  readonly domain: Domain;
  readonly capture: Capture;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly appliedIndex: () => number;
  /** Flows, by hash of the key, of which an event came since the dump began. */
  readonly touched: ReadonlySet<number>;
  readonly deadlines: DeadlineMemory;
  /** Whether what is found means nothing any more. */
  readonly isOver: () => boolean;
  /** Whether what the table lacks may leave this kernel (rule K10). */
  readonly mayClean: () => boolean;
}

const pageRows = 2_000;
/** Flows looked up in one go before the kernel's answers are proposed, and entries queued for their delete in one. */
const gonePageFlows = 1_000;
const extrasPageFlows = 1_000;
const seenReply = 1 << 1;
/** Protocols whose first packets come in pairs anyway: an unanswered repetition says nothing (TCP, DCCP, SCTP). */
const handshakes = new Set([6, 33, 132]);

/**
 * One walk through a dump of the kernel and then through the table, which mends the side that is not the truth. Rule K9: a
 * dump is a hint; whatever changed since it began is left to the events and operations that changed it.
 */
export class Comparison {
  readonly #plan: ComparisonPlan;
  readonly #options: { readonly deletesMax: number };
  readonly #dependencies: ComparisonDependencies;
  readonly #flow = new FlowRecord();
  readonly #probe = new FlowKeyProbe();
  /** Keys of entries that the table lacks, and of rows that the kernel has lost. */
  readonly #extras: KeyQueue;
  readonly #gone: KeyQueue;
  readonly #key = new Uint8Array(FLOW_KEY_BYTES_MAX);
  /** Of the entries that the table should have. */
  readonly #digest = new FlowDigest();
  readonly #startMs: number;
  #dumpedMs: number | null = null;
  /** Entries of the dump and rows of the table looked at so far. */
  entries = 0;
  rows = 0;
  /** Flows that the side to be repaired lacked, had otherwise, and had too many. */
  created = 0;
  updated = 0;
  deleted = 0;

  constructor(
    plan: ComparisonPlan,
    options: { readonly deletesMax: number },
    dependencies: ComparisonDependencies,
  ) {
    this.#plan = plan;
    this.#options = options;
    this.#dependencies = dependencies;
    this.#startMs = dependencies.clock.nowMs();
    const bytesMax = options.deletesMax * (FLOW_KEY_BYTES_MAX + 1);
    this.#extras = new KeyQueue(bytesMax);
    this.#gone = new KeyQueue(bytesMax);
  }

  async run(): Promise<void> {
    await this.#dependencies.kernel.dump((page) => this.#onPage(page));
    await this.#walkTable();
    if (this.#dependencies.isOver()) return;
    if (this.#plan.truth === 'kernel') await this.#proposeGone();
    else await this.#cleanKernel();
  }

  /**
   * Whether the kernel has, by digest, what the table has: keys, translations, marks, zones and masters (rule T6). null while
   * that says nothing: something was found or has changed meanwhile, or this kernel is the truth.
   */
  get isIdentical(): boolean | null {
    const { appliedIndex, touched, table } = this.#dependencies;
    const { truth, startIndex } = this.#plan;
    const isQuiet = touched.size === 0 && appliedIndex() === startIndex;
    if (truth === 'kernel' || !isQuiet || this.#differences + this.#extras.count > 0) return null;
    return this.#digest.summary().identities === table.digest().identities;
  }

  get #differences(): number {
    return this.created + this.updated + this.deleted;
  }

  async #onPage(page: KernelEntryCursor): Promise<void> {
    const { clock, domain, capture, isOver } = this.#dependencies;
    if (isOver()) return;
    this.#dumpedMs ??= clock.nowMs();
    // The dump is read faster than it is worked on: what an entry has left, it has less of by now.
    const ageSeconds = Math.round((clock.nowMs() - this.#dumpedMs) / 1000);
    while (page.next()) {
      const { entry } = page;
      this.entries += 1;
      if (!domain.contains(entry)) continue;
      entry.timeoutSeconds = Math.max(0, entry.timeoutSeconds - ageSeconds);
      this.#onEntry(entry);
    }
    if (this.#plan.truth === 'kernel') {
      capture.flush();
      await capture.roomForMore();
    }
    await nextTurn();
  }

  #onEntry(entry: FlowFields): void {
    const { table } = this.#dependencies;
    const slot = table.find(entry);
    if (slot >= 0 && this.#plan.truth !== 'kernel') this.#digest.add(entry);
    if (slot < 0) this.#onUnknownEntry(entry);
    else {
      const found = SlotFlag.dumped | SlotFlag.inKernel | SlotFlag.seenInKernel;
      const flags = table.localFlags(slot) & ~(SlotFlag.missedOnce | SlotFlag.destroyedHere);
      table.setLocalFlags(slot, flags | found);
      if (!this.#isFresh(slot, entry)) this.#compare(slot, entry);
    }
  }

  #onUnknownEntry(entry: FlowFields): void {
    const { touched } = this.#dependencies;
    if (touched.has(this.#probe.set(entry).hash)) return;
    if (this.#plan.truth === 'kernel') {
      if (!this.#isAdmitted(entry)) return;
      this.created += 1;
      this.#dependencies.capture.report(entry, false);
      return;
    }
    // Rule K1: an unreplied entry that the table does not know is left to expire.
    if ((entry.status & seenReply) === 0 || !this.#note(this.#extras, entry)) return;
    if (this.#plan.truth === 'none') this.#plan.found?.add(DifferenceKind.extra, entry);
  }

  /** Whether there was room: only so many in one round; the next one finds the others. */
  #note(queue: KeyQueue, flow: FlowFields): boolean {
    if (queue.count >= this.#options.deletesMax) return false;
    this.#probe.set(flow);
    return queue.push(this.#probe.bytes, this.#probe.length);
  }

  /** Rule K4: also by a later packet of a flow that nobody answers, which the dump before did not know of. */
  #isAdmitted(entry: FlowFields): boolean {
    const { deadlines, clock } = this.#dependencies;
    const { admission } = this.#dependencies.capture;
    if (admission.isAdmitted(entry)) return true;
    if (!admission.admitsUnreplied || !admission.passes(entry)) return false;
    if (handshakes.has(entry.protocol)) return false;
    const dumpTookMs = (this.#dumpedMs ?? this.#startMs) - this.#startMs;
    const slackSeconds = Math.ceil(dumpTookMs / 1000);
    return deadlines.hasMoved(this.#probe, clock.nowMs(), entry.timeoutSeconds, slackSeconds);
  }

  #compare(slot: number, entry: FlowFields): void {
    const { table, capture, applier } = this.#dependencies;
    const { truth } = this.#plan;
    table.read(slot, this.#flow);
    const isSameFlow = sameReply(this.#flow, entry);
    const differs = isSameFlow ? flowDifference(truth, this.#flow, entry) : FlowAttribute.reply;
    if (this.#plan.endsHolds && applier.hold.isHeld(this.#flow, entry)) this.#endHold(entry);
    if (differs === 0) {
      this.#compareTimes(slot, entry);
      return;
    }
    this.updated += 1;
    this.#plan.found?.add(DifferenceKind.different, entry, differs);
    if (truth === 'kernel') capture.report(entry, differs !== FlowAttribute.reply);
    else if (truth === 'table') {
      if (differs === FlowAttribute.reply) applier.deleteKernelEntry(entry);
      applier.enqueue(slot);
    }
  }

  /** What the entry has left is a hold's rest and no news of the flow. */
  #endHold(entry: FlowFields): void {
    this.#dependencies.applier.rearm(entry);
    entry.timeoutSeconds = this.#flow.timeoutSeconds;
  }

  /** Rule K14: the active node says how far ends have moved, a standby renews its holds. */
  #compareTimes(slot: number, entry: FlowFields): void {
    const { applier, capture } = this.#dependencies;
    if (this.#plan.truth === 'table') {
      if (applier.hold.isDue(this.#flow, entry)) applier.restoreHold(slot, entry);
    } else if (this.#plan.truth === 'kernel' && entry.attributes & FlowAttribute.timeout) {
      if (applier.hold.hasMoved(this.#flow, entry)) capture.touch(entry);
    }
  }

  /** Whether something newer than the dump is known of the row. */
  #isFresh(slot: number, flow: FlowFields): boolean {
    const { table, touched } = this.#dependencies;
    if (table.localIndex(slot) > this.#plan.startIndex) return true;
    if (table.localFlags(slot) & SlotFlag.queued) return true;
    return touched.has(this.#probe.set(flow).hash);
  }

  async #walkTable(): Promise<void> {
    const { table } = this.#dependencies;
    for (let cursor = 0; cursor >= 0; ) {
      cursor = table.forEachPage(cursor, pageRows, (slot) => this.#onRow(slot));
      await nextTurn();
    }
  }

  #onRow(slot: number): void {
    const { table, domain, isOver } = this.#dependencies;
    this.rows += 1;
    const flags = table.localFlags(slot);
    table.setLocalFlags(slot, flags & ~SlotFlag.dumped);
    if (flags & SlotFlag.dumped || isOver()) return;
    table.read(slot, this.#flow);
    if (!domain.contains(this.#flow) || this.#isFresh(slot, this.#flow)) return;
    if (this.#plan.truth === 'kernel') this.#onGoneFromKernel(slot, flags);
    else this.#onMissingInKernel(slot, flags);
  }

  #onMissingInKernel(slot: number, flags: number): void {
    this.created += 1;
    this.#plan.found?.add(DifferenceKind.missing, this.#flow);
    const { table, applier } = this.#dependencies;
    const isStandby = this.#plan.truth === 'table';
    // A hold that ran out, or somebody's delete: a standby's kernel follows the table.
    const kept = isStandby ? flags & ~SlotFlag.destroyedHere : flags;
    table.setLocalFlags(slot, kept & ~(SlotFlag.dumped | SlotFlag.inKernel));
    if (isStandby) applier.enqueue(slot);
  }

  /**
   * Rule K9: only a flow that was here may have ended, one that was missed twice or seen to be destroyed; or one whose own
   * time has run out: nothing lives for ever.
   */
  #onGoneFromKernel(slot: number, flags: number): void {
    const isOverdue =
      (this.#flow.attributes & FlowAttribute.timeout) !== 0 && this.#flow.timeoutSeconds === 0;
    if ((flags & SlotFlag.seenInKernel) === 0 && !isOverdue) return;
    if ((flags & (SlotFlag.missedOnce | SlotFlag.destroyedHere)) === 0) {
      const cleared = flags & ~SlotFlag.dumped;
      this.#dependencies.table.setLocalFlags(slot, cleared | SlotFlag.missedOnce);
      return;
    }
    this.#note(this.#gone, this.#flow);
  }

  async #proposeGone(): Promise<void> {
    const { kernel, capture, touched, isOver } = this.#dependencies;
    const page: FlowRecord[] = [];
    const alive = new Set<number>();
    while (this.#takePage(page) > 0 && !isOver()) {
      alive.clear();
      await kernel.lookup(page, 'original', (position) => alive.add(position));
      for (const [position, flow] of page.entries()) {
        if (alive.has(position) || touched.has(this.#probe.set(flow).hash)) continue;
        this.deleted += 1;
        capture.reportGone(flow);
      }
      capture.flush();
      await capture.roomForMore();
    }
    capture.flush();
  }

  /** Fills `page` with the next keys of flows that are gone. @returns how many */
  #takePage(page: FlowRecord[]): number {
    const count = Math.min(this.#gone.count, gonePageFlows);
    page.length = Math.min(page.length, count);
    for (let position = 0; position < count; position += 1) {
      page[position] ??= new FlowRecord();
      this.#gone.shift(this.#key);
      readFlowKey(this.#key, 0, page[position]!);
    }
    return count;
  }

  async #cleanKernel(): Promise<void> {
    const { mayClean } = this.#dependencies;
    if (this.#plan.truth === 'none') {
      this.deleted = this.#extras.count;
      return;
    }
    while (this.#extras.count > 0 && mayClean()) {
      for (let left = extrasPageFlows; left > 0 && this.#extras.count > 0; left -= 1) {
        this.#extras.shift(this.#key);
        readFlowKey(this.#key, 0, this.#flow);
        this.#removeExtra(this.#flow);
      }
      await nextTurn();
    }
  }

  #removeExtra(extra: FlowFields): void {
    const { table, applier } = this.#dependencies;
    if (table.find(extra) >= 0) return;
    this.deleted += 1;
    applier.deleteKernelEntry(extra);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
