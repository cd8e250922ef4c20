import { type FlowFields, type FlowKeyFields, OperationWriter } from '@raftwall/flow-table';
import { ExpectationCapture } from './expectation-capture.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type { CaptureOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import { PendingFlows, PendingKind } from './pending-flows.ts';
import type { Clock, Consensus } from './ports.ts';

/** What the window asks of the replicated table. */
export interface CapturedTable {
  readonly size: number;
  /** Slot of the flow with that packed key, or -1. */
  findKey(bytes: Uint8Array, offset: number, length: number): number;
}

export type CaptureWindowOptions = Pick<
  CaptureOptions,
  | 'windowOperationsMax'
  | 'windowMsMax'
  | 'batchesInFlightMax'
  | 'pendingFlowsMax'
  | 'expectationsMax'
> & { readonly node: string; readonly retryMs: number };

export interface CaptureWindowDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly table: CapturedTable;
  readonly counters: ReplicatorCounters;
  /** The epoch is not this node's any more, or too much is uncommitted. */
  readonly onLostSequence: () => void;
}

/**
 * The operations of the present window and the batches of former ones, coalesced per flow, numbered, proposed in order
 * and kept until they are applied. It knows of each flow what the table will know of it.
 */
export class CaptureWindow {
  /** What helpers expect; written behind the flows of the window. */
  readonly expectations: ExpectationCapture;
  readonly #options: CaptureWindowOptions;
  readonly #dependencies: CaptureWindowDependencies;
  readonly #writer = new OperationWriter({ byteLengthMax: 32 * 1024 * 1024 });
  readonly #masterProbe = new FlowKeyProbe();
  #flows = new PendingFlows();
  #sinceMs = 0;
  #outbox: Outbox | null = null;
  #roomWaiters: (() => void)[] = [];
  #cancelTimer: (() => void) | null = null;

  constructor(options: CaptureWindowOptions, dependencies: CaptureWindowDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.expectations = new ExpectationCapture(options, {
      counters: dependencies.counters,
      isKnown: (master) => this.#isMasterKnown(master),
    });
  }

  get isOpen(): boolean {
    return this.#outbox !== null;
  }

  get lastProposed(): number {
    return this.#outbox?.lastProposed ?? 0;
  }

  get lastApplied(): number {
    return this.#outbox?.lastApplied ?? 0;
  }

  get oldestUncommittedMs(): number {
    const sinceMs = this.#outbox?.oldestMadeAtMs ?? (this.#flows.live > 0 ? this.#sinceMs : null);
    return sinceMs === null ? 0 : this.#dependencies.clock.nowMs() - sinceMs;
  }

  /** Flows with operations that are not applied. */
  get uncommitted(): number {
    return this.#flows.live + (this.#outbox?.pendingFlows ?? 0);
  }

  /** Begins the sequence of an epoch that this node holds (rule A2). */
  open(group: string, epoch: number): void {
    this.close();
    const { consensus, clock } = this.#dependencies;
    this.#outbox = new Outbox(
      { ...this.#options, group, epoch },
      {
        consensus,
        clock,
        onProgress: () => {
          this.flush();
          this.#wakeRoomWaiters();
        },
        onStale: () => this.#loseSequence(),
      },
    );
  }

  /** Forgets everything that is not applied. */
  close(): void {
    this.#outbox?.close();
    this.#outbox = null;
    this.#flows.clear();
    this.expectations.clear();
    this.#wakeRoomWaiters();
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Own batches before `nextSequence` are applied. */
  acknowledge(nextSequence: number): void {
    this.#outbox?.acknowledge(nextSequence);
  }

  /** Whether the table has the flow, or will have it. */
  isKnown(probe: FlowKeyProbe): boolean {
    const kind = this.#kindHere(probe);
    return kind === PendingKind.cancelled
      ? this.#isKnownOutside(probe)
      : kind !== PendingKind.delete;
  }

  /** What is pending for the flow, or -1. */
  pendingKind(probe: FlowKeyProbe): number {
    return this.#kindHere(probe) || (this.#outbox?.lastKind(probe) ?? -1);
  }

  /** Whether an event of this window names the flow. */
  names(probe: FlowKeyProbe): boolean {
    return this.#flows.find(probe) >= 0;
  }

  create(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.expectations.waiting > 0) this.expectations.admit(probe.text());
    const isReplaced = this.#kindHere(probe) === PendingKind.delete;
    this.put(probe, isReplaced ? PendingKind.replace : PendingKind.create, flow);
  }

  /** Takes over the attributes that `flow` carries and keeps what else is pending. */
  merge(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.#kindHere(probe) === PendingKind.cancelled) this.put(probe, PendingKind.update, flow);
    else this.#flows.merge(this.#flows.find(probe), flow);
  }

  end(probe: FlowKeyProbe, flow: FlowFields): void {
    const isBornHere = this.#kindHere(probe) === PendingKind.create;
    // Born and gone inside the window, and nobody else has heard of it (rule K2).
    if (isBornHere && !this.#isKnownOutside(probe)) this.#flows.cancel(this.#flows.find(probe));
    else this.put(probe, PendingKind.delete, flow);
  }

  /** The flow's values are these and nothing of what was pending before. */
  put(probe: FlowKeyProbe, kind: number, flow: FlowFields): void {
    if (this.#isEmpty) this.#sinceMs = this.#dependencies.clock.nowMs();
    const cell = this.#flows.find(probe);
    if (cell >= 0) this.#flows.replace(cell, kind, flow);
    else this.#flows.add(probe, kind, flow);
    const outbox = this.#outbox;
    if (outbox === null) return;
    // A batch is applied in one go, so it must not hold anybody's loop for long.
    if (this.#flows.live >= this.#options.windowOperationsMax) this.#propose(outbox);
    if (outbox.pendingFlows + this.#flows.size > this.#options.pendingFlowsMax)
      this.#loseSequence();
  }

  /** Proposes at once when nothing is on its way; else when the window is full or old enough. */
  flush(): void {
    const outbox = this.#outbox;
    if (outbox === null) return;
    if (this.#isEmpty) {
      if (this.#flows.size > 0) this.#flows.clear();
      return;
    }
    const { windowMsMax, batchesInFlightMax } = this.#options;
    const ageMs = this.#dependencies.clock.nowMs() - this.#sinceMs;
    if (outbox.length === 0) this.#propose(outbox);
    else if (outbox.length >= batchesInFlightMax) return;
    else if (ageMs >= windowMsMax) this.#propose(outbox);
    else this.#flushLater(windowMsMax - ageMs);
  }

  /** Proposes all that is pending at once; what the node proposes after this comes behind it in the log. */
  flushAll(): void {
    const outbox = this.#outbox;
    if (outbox === null) return;
    if (!this.#isEmpty) this.#propose(outbox);
    outbox.sendAll();
  }

  /** Resolves when a dump may report more flows without the window growing beyond what is good for it. */
  async roomForMore(): Promise<void> {
    while (this.#outbox !== null && this.#outbox.length >= this.#options.batchesInFlightMax) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** Nothing waits to be proposed. */
  get #isEmpty(): boolean {
    return this.#flows.live === 0 && this.expectations.ready === 0;
  }

  /** While a batch is written, the probe of the event that fills it is still in use. */
  #isMasterKnown(master: FlowKeyFields): boolean {
    return this.isKnown(this.#masterProbe.set(master));
  }

  #kindHere(probe: FlowKeyProbe): number {
    const cell = this.#flows.find(probe);
    return cell < 0 ? PendingKind.cancelled : this.#flows.kind(cell);
  }

  #isKnownOutside(probe: FlowKeyProbe): boolean {
    const kind = this.#outbox?.lastKind(probe) ?? -1;
    if (kind >= 0) return kind !== PendingKind.delete;
    return this.#dependencies.table.findKey(probe.bytes, 0, probe.length) >= 0;
  }

  #flushLater(delayMs: number): void {
    this.#cancelTimer ??= this.#dependencies.clock.setTimer(delayMs, () => {
      this.#cancelTimer = null;
      this.flush();
    });
  }

  #propose(outbox: Outbox): void {
    const flows = this.#flows;
    const { counters } = this.#dependencies;
    this.#writer.reset();
    flows.writeTo(this.#writer);
    this.expectations.writeTo(this.#writer);
    counters.operationsProposed += this.#writer.count;
    counters.batchesProposed += 1;
    this.#flows = outbox.takeSpare();
    outbox.add(this.#writer.finish(), flows, this.#sinceMs);
  }

  #wakeRoomWaiters(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }

  #loseSequence(): void {
    if (this.#outbox === null) return;
    this.#dependencies.counters.captureRestarts += 1;
    this.#dependencies.onLostSequence();
  }
}
