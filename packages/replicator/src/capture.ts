import { FlowAttribute, type FlowFields, FlowRecord, OperationWriter } from '@raftwall/flow-table';
import type { Domain } from './domain.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import { HeldDestroys } from './held-destroys.ts';
import type { ReplicatorCounters } from './metrics.ts';
import { Newborn, NewbornMemory } from './newborn-memory.ts';
import type { CaptureOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import { PendingFlows, PendingKind } from './pending-flows.ts';
import { type Clock, type Consensus, type Kernel, KernelEventKind } from './ports.ts';

/** What capture asks of the replicated table. */
interface CapturedTable {
  readonly size: number;
  /** Slot of the flow with that packed key, or -1. */
  findKey(bytes: Uint8Array, offset: number, length: number): number;
}

export interface CaptureDependencies {
  readonly kernel: Kernel;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly domain: Domain;
  readonly table: CapturedTable;
  readonly counters: ReplicatorCounters;
  /** How many flows the table may hold (rule T3). */
  readonly flowsMax: () => number;
  /** The epoch is not this node's any more, or too much is uncommitted: capture must start anew (rule A2). */
  readonly onLostSequence: () => void;
}

// IPS_SEEN_REPLY and IPS_ASSURED of nf_conntrack_common.h.
const seenReply = 1 << 1;
const assured = 1 << 2;
const specialAttributes = FlowAttribute.master | FlowAttribute.labels | FlowAttribute.helper;
const newbornsRemembered = 1 << 17;

/**
 * Kernel events to flow operations, on the active node only: coalesced per flow in a window, numbered, proposed, and
 * kept until they are applied.
 */
export class Capture {
  readonly #options: CaptureOptions & { readonly node: string; readonly retryMs: number };
  readonly #dependencies: CaptureDependencies;
  readonly #newborns = new NewbornMemory(newbornsRemembered);
  readonly #probe = new FlowKeyProbe();
  readonly #writer = new OperationWriter({ byteLengthMax: 32 * 1024 * 1024 });
  readonly #lookups = new Map<string, FlowRecord>();
  readonly #held: HeldDestroys;
  /** An address was lost in this epoch: what the kernel destroys may have been destroyed with it (rule K6). */
  #deletesSuspended = false;
  #window = new PendingFlows();
  #windowSinceMs = 0;
  #outbox: Outbox | null = null;
  #lookingUp = false;
  #roomWaiters: (() => void)[] = [];
  #cancelTimer: (() => void) | null = null;

  constructor(
    options: CaptureOptions & { readonly node: string; readonly retryMs: number },
    dependencies: CaptureDependencies,
  ) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#held = new HeldDestroys(
      { holdMs: options.destroyHoldMs, flowsMax: options.heldDestroysMax },
      { clock: dependencies.clock, release: (flow) => this.#onHeldDestroy(flow) },
    );
  }

  get running(): boolean {
    return this.#outbox !== null;
  }

  get lastProposed(): number {
    return this.#outbox?.lastProposed ?? 0;
  }

  get lastApplied(): number {
    return this.#outbox?.lastApplied ?? 0;
  }

  get oldestUncommittedMs(): number {
    const sinceMs =
      this.#outbox?.oldestMadeAtMs ?? (this.#window.live > 0 ? this.#windowSinceMs : null);
    return sinceMs === null ? 0 : this.#dependencies.clock.nowMs() - sinceMs;
  }

  /** Begins the sequence of an epoch that this node holds (rule A2). */
  start(group: string, epoch: number): void {
    this.stop();
    this.#newborns.clear();
    const { consensus, clock } = this.#dependencies;
    this.#outbox = new Outbox(
      { ...this.#options, group, epoch },
      {
        consensus,
        clock,
        onProgress: () => {
          this.#flushWhenDue();
          this.#wakeRoomWaiters();
        },
        onStale: () => this.#loseSequence(),
      },
    );
  }

  /** Proposes all that is pending at once; what the node proposes after this comes behind it in the log. */
  flushAll(): void {
    const outbox = this.#outbox;
    if (outbox === null) return;
    if (this.#window.live > 0) this.#propose(outbox);
    outbox.sendAll();
  }

  /** Forgets everything that is not applied: the next epoch's reconcile finds it again. */
  stop(): void {
    this.#outbox?.close();
    this.#outbox = null;
    this.#window.clear();
    this.#lookups.clear();
    this.#held.drop();
    this.#deletesSuspended = false;
    this.#wakeRoomWaiters();
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Own batches before `nextSequence` are applied. */
  acknowledge(nextSequence: number): void {
    this.#outbox?.acknowledge(nextSequence);
  }

  /** Rule K6: from now on until the next activation nothing is said to have ended. */
  onAddressLost(): void {
    if (!this.running) return;
    this.#deletesSuspended = true;
    this.#held.drop();
  }

  /** One kernel event, caused by the program with this port id or by packets (0). Call `flush` behind the last of a batch. */
  handle(kind: number, flow: FlowFields, portId = 0): void {
    const probe = this.#probe.set(flow);
    if (!this.#dependencies.domain.contains(flow)) {
      this.#dependencies.counters.outsideDomain += 1;
    } else if (kind === KernelEventKind.destroy) {
      this.#onDestroy(probe, flow, portId);
    } else if (kind === KernelEventKind.new) {
      this.#onNew(probe, flow);
    } else {
      this.#onUpdate(probe, flow);
    }
  }

  /** The received batch is handled: propose if the window is due. */
  flush(): void {
    this.#lookUpWaiting();
    this.#flushWhenDue();
  }

  /** Resolves when a dump may report more flows without the window growing beyond what is good for it. */
  async roomForMore(): Promise<void> {
    while (this.#outbox !== null && this.#outbox.length >= this.#options.batchesInFlightMax) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** A flow that a dump shows and the table lacks or has otherwise; `whole` entries carry every attribute. */
  report(flow: FlowFields, known: boolean): void {
    if (!this.running) return;
    const probe = this.#probe.set(flow);
    if (this.#pendingKind(probe) >= 0) return;
    if (known) this.#open(probe, PendingKind.update, flow);
    else if (this.isAdmitted(flow)) this.#create(probe, flow);
  }

  /** A flow that is surely gone from the kernel (rule K9). */
  reportGone(flow: FlowFields): void {
    const probe = this.#probe.set(flow);
    if (!this.running || this.#deletesSuspended || this.#pendingKind(probe) >= 0) return;
    this.#open(probe, PendingKind.delete, flow);
  }

  /** Rule K4: what a flow must have shown to be worth replicating. */
  isAdmitted(flow: FlowFields): boolean {
    switch (this.#options.admit) {
      case 'all':
        return true;
      case 'assured':
        return (flow.status & assured) !== 0;
      case 'replied':
        return (flow.status & seenReply) !== 0;
    }
  }

  #onNew(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.#held.size > 0) {
      this.#held.settle(probe.text());
      this.#probe.set(flow);
    }
    if (this.#isKnown(probe)) this.#recreate(probe, flow);
    else if (this.isAdmitted(flow)) this.#create(probe, flow);
    else {
      this.#dependencies.counters.notAdmitted += 1;
      const special = (flow.attributes & specialAttributes) !== 0;
      this.#newborns.remember(probe, special ? Newborn.special : Newborn.plain);
    }
  }

  #onUpdate(probe: FlowKeyProbe, flow: FlowFields): void {
    const cell = this.#window.find(probe);
    if (this.#isKnown(probe)) {
      if (cell >= 0 && this.#window.kind(cell) !== PendingKind.cancelled)
        this.#window.merge(cell, flow);
      else this.#open(probe, PendingKind.update, flow);
    } else if (!this.isAdmitted(flow)) {
      this.#dependencies.counters.notAdmitted += 1;
    } else if (this.#newborns.recall(probe) === Newborn.plain && cell < 0) {
      this.#create(probe, flow);
    } else {
      this.#lookUpLater(probe, flow);
    }
  }

  #onDestroy(probe: FlowKeyProbe, flow: FlowFields, portId: number): void {
    if (this.#lookups.size > 0) this.#lookups.delete(probe.text());
    if (!this.#isKnown(probe)) return;
    const isSuspect = this.#held.isSuspect(flow, portId);
    if (isSuspect && this.#deletesSuspended) return;
    if (isSuspect) this.#held.hold(probe.text(), flow);
    else this.#end(probe, flow);
  }

  #onHeldDestroy(flow: FlowFields): void {
    const probe = this.#probe.set(flow);
    if (!this.#isKnown(probe)) return;
    this.#end(probe, flow);
    this.#flushWhenDue();
  }

  #end(probe: FlowKeyProbe, flow: FlowFields): void {
    const cell = this.#window.find(probe);
    if (cell < 0 || this.#window.kind(cell) === PendingKind.cancelled) {
      this.#open(probe, PendingKind.delete, flow);
    } else if (
      this.#window.kind(cell) === PendingKind.create &&
      !this.#isKnownOutsideWindow(probe)
    ) {
      // Born and gone inside the window, and nobody else has heard of it (rule K2).
      this.#window.cancel(cell);
    } else {
      this.#window.replace(cell, PendingKind.delete, flow);
    }
  }

  /** Rule K2: a tuple that is born again is another flow, nothing of the old one is kept. */
  #recreate(probe: FlowKeyProbe, flow: FlowFields): void {
    const cell = this.#window.find(probe);
    const admitted = this.isAdmitted(flow);
    const kind = admitted ? PendingKind.replace : PendingKind.delete;
    if (cell >= 0) this.#window.replace(cell, kind, flow);
    else this.#open(probe, kind, flow);
    if (!admitted) this.#newborns.remember(probe, Newborn.special);
  }

  #create(probe: FlowKeyProbe, flow: FlowFields): void {
    const { table, counters, flowsMax } = this.#dependencies;
    const uncommitted = this.#window.live + (this.#outbox?.pendingFlows ?? 0);
    if (table.size + uncommitted >= flowsMax()) {
      counters.tableFull += 1;
      return;
    }
    const cell = this.#window.find(probe);
    if (cell < 0) this.#open(probe, PendingKind.create, flow);
    else {
      const replaces = this.#window.kind(cell) === PendingKind.delete;
      this.#window.replace(cell, replaces ? PendingKind.replace : PendingKind.create, flow);
    }
  }

  #open(probe: FlowKeyProbe, kind: number, flow: FlowFields): void {
    if (this.#window.live === 0) this.#windowSinceMs = this.#dependencies.clock.nowMs();
    const cell = this.#window.find(probe);
    if (cell >= 0) this.#window.replace(cell, kind, flow);
    else this.#window.add(probe, kind, flow);
    const outbox = this.#outbox;
    if (outbox === null) return;
    // A batch is applied in one go, so it must not hold anybody's loop for long.
    if (this.#window.live >= this.#options.windowOperationsMax) this.#propose(outbox);
    if (outbox.pendingFlows + this.#window.size > this.#options.pendingFlowsMax)
      this.#loseSequence();
  }

  #isKnown(probe: FlowKeyProbe): boolean {
    const cell = this.#window.find(probe);
    if (cell >= 0 && this.#window.kind(cell) !== PendingKind.cancelled) {
      return this.#window.kind(cell) !== PendingKind.delete;
    }
    return this.#isKnownOutsideWindow(probe);
  }

  #isKnownOutsideWindow(probe: FlowKeyProbe): boolean {
    const kind = this.#outbox?.lastKind(probe) ?? -1;
    if (kind >= 0) return kind !== PendingKind.delete;
    return this.#dependencies.table.findKey(probe.bytes, 0, probe.length) >= 0;
  }

  #pendingKind(probe: FlowKeyProbe): number {
    const cell = this.#window.find(probe);
    if (cell >= 0 && this.#window.kind(cell) !== PendingKind.cancelled)
      return this.#window.kind(cell);
    return this.#outbox?.lastKind(probe) ?? -1;
  }

  #lookUpLater(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.#lookups.size >= this.#options.lookupsMax) {
      this.#dependencies.counters.lookupsDropped += 1;
      return;
    }
    const record = new FlowRecord();
    record.copyFrom(flow);
    this.#lookups.set(probe.text(), record);
  }

  #lookUpWaiting(): void {
    if (this.#lookingUp || this.#lookups.size === 0 || this.#outbox === null) return;
    this.#lookingUp = true;
    const outbox = this.#outbox;
    const waiting = [...this.#lookups];
    const flows = waiting.map(([, flow]) => flow);
    this.#dependencies.counters.lookups += flows.length;
    void this.#dependencies.kernel
      .lookup(flows, 'original', (position, entry) => {
        const [text, asked] = waiting[position]!;
        // A DESTROY that came meanwhile has taken the flow out; a later life of the tuple asks for itself.
        if (this.#outbox === outbox && this.#lookups.get(text) === asked) this.#onLookedUp(entry);
      })
      .catch(() => undefined)
      .then(() => this.#onLookupsDone(waiting));
  }

  #onLookedUp(entry: FlowFields): void {
    const probe = this.#probe.set(entry);
    if (!this.#isKnown(probe) && this.isAdmitted(entry)) this.#create(probe, entry);
  }

  #onLookupsDone(waiting: readonly (readonly [string, FlowRecord])[]): void {
    this.#lookingUp = false;
    for (const [text, flow] of waiting) {
      if (this.#lookups.get(text) === flow) this.#lookups.delete(text);
    }
    this.flush();
  }

  /** At once when nothing is on its way; else when the window is full or old enough. */
  #flushWhenDue(): void {
    const outbox = this.#outbox;
    if (outbox === null) return;
    if (this.#window.live === 0) {
      if (this.#window.size > 0) this.#window.clear();
      return;
    }
    const { windowMsMax, batchesInFlightMax } = this.#options;
    const ageMs = this.#dependencies.clock.nowMs() - this.#windowSinceMs;
    if (outbox.length === 0) this.#propose(outbox);
    else if (outbox.length >= batchesInFlightMax) return;
    else if (ageMs >= windowMsMax) this.#propose(outbox);
    else this.#flushLater(windowMsMax - ageMs);
  }

  #flushLater(delayMs: number): void {
    this.#cancelTimer ??= this.#dependencies.clock.setTimer(delayMs, () => {
      this.#cancelTimer = null;
      this.#flushWhenDue();
    });
  }

  #propose(outbox: Outbox): void {
    const flows = this.#window;
    this.#writer.reset();
    flows.writeTo(this.#writer);
    this.#dependencies.counters.operationsProposed += this.#writer.count;
    this.#dependencies.counters.batchesProposed += 1;
    this.#window = outbox.takeSpare();
    outbox.add(this.#writer.finish(), flows, this.#windowSinceMs);
  }

  #wakeRoomWaiters(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }

  #loseSequence(): void {
    if (this.#outbox === null) return;
    this.#dependencies.counters.captureRestarts += 1;
    this.stop();
    this.#dependencies.onLostSequence();
  }
}
