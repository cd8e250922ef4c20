import {
  type ExpectationFields,
  FlowAttribute,
  type FlowFields,
  type FlowKeyFields,
  FlowRecord,
} from '@raftwall/flow-table';
import { Admission } from './admission.ts';
import { type CapturedTable, CaptureWindow } from './capture-window.ts';
import type { Domain } from './domain.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import { FlowLookups } from './flow-lookups.ts';
import type { ForeignDeletes } from './foreign-deletes.ts';
import { HeldDestroys } from './held-destroys.ts';
import { KeyMemory } from './key-memory.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type { CaptureOptions } from './options.ts';
import { PendingKind } from './pending-flows.ts';
import { type Clock, type Consensus, type Kernel, KernelEventKind, type Logger } from './ports.ts';
import { TableLimit } from './table-limit.ts';
import { Tombstones } from './tombstones.ts';

export interface CaptureDependencies {
  readonly kernel: Kernel;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly domain: Domain;
  readonly table: CapturedTable;
  readonly counters: ReplicatorCounters;
  readonly foreignDeletes: ForeignDeletes;
  /** Brings a flow of the table back into this kernel (rule K16). */
  readonly restore: (slot: number) => void;
  /** How many flows the table may hold (rule T3). */
  readonly flowsMax: () => number;
  /** The epoch is not this node's any more, or too much is uncommitted: capture must start anew (rule A2). */
  readonly onLostSequence: () => void;
}

// IPS_DYING of nf_conntrack_common.h.
const dying = 1 << 9;
const sequenceAdjust = FlowAttribute.sequenceAdjustOriginal | FlowAttribute.sequenceAdjustReply;
const specialAttributes =
  FlowAttribute.master |
  FlowAttribute.labels |
  FlowAttribute.helper |
  FlowAttribute.synproxy |
  sequenceAdjust;
const newbornsRemembered = 1 << 17;
/**
 * Notes of the events of flows that were not admitted yet. `special` ones carried a master, labels, a helper or what
 * synproxy has done, which later events lack; a flow that is not remembered may have as well (rule K4).
 */
const Newborn = { plain: 1, special: 2 } as const;

/** Kernel events to flow operations, on the active node only. */
export class Capture {
  readonly admission: Admission;
  readonly #options: CaptureOptions;
  readonly #dependencies: CaptureDependencies;
  readonly #window: CaptureWindow;
  readonly #newborns = new KeyMemory(newbornsRemembered);
  readonly #tombstones: Tombstones;
  readonly #lookups: FlowLookups;
  readonly #held: HeldDestroys;
  readonly #limit: TableLimit;
  readonly #probe = new FlowKeyProbe();
  /** An address was lost in this epoch: what the kernel destroys may have been destroyed with it (rule K6). */
  #deletesSuspended = false;

  constructor(
    options: CaptureOptions & { readonly node: string; readonly retryMs: number },
    dependencies: CaptureDependencies,
  ) {
    const { clock } = dependencies;
    this.#options = options;
    this.admission = new Admission(options);
    this.#dependencies = dependencies;
    this.#window = new CaptureWindow(options, {
      ...dependencies,
      onLostSequence: () => {
        this.stop();
        dependencies.onLostSequence();
      },
    });
    this.#limit = new TableLimit(dependencies);
    this.#tombstones = new Tombstones(clock);
    this.#lookups = new FlowLookups(
      { flowsMax: options.lookupsMax },
      {
        ...dependencies,
        onFound: (entry) => this.#onLookedUp(entry),
        onDone: () => this.flush(),
      },
    );
    this.#held = new HeldDestroys(
      { holdMs: options.destroyHoldMs, flowsMax: options.heldDestroysMax },
      { clock, release: (flow) => this.#onHeldDestroy(flow) },
    );
  }

  get running(): boolean {
    return this.#window.isOpen;
  }

  get lastProposed(): number {
    return this.#window.lastProposed;
  }

  get lastApplied(): number {
    return this.#window.lastApplied;
  }

  get oldestUncommittedMs(): number {
    return this.#window.oldestUncommittedMs;
  }

  /** Begins the sequence of an epoch that this node holds (rule A2). */
  start(group: string, epoch: number): void {
    this.stop();
    this.#newborns.clear();
    this.#tombstones.clear();
    this.#window.open(group, epoch);
  }

  /** Proposes all that is pending at once; what the node proposes after this comes behind it in the log. */
  flushAll(): void {
    this.#window.flushAll();
  }

  /** Forgets everything that is not applied: the next epoch's reconcile finds it again. */
  stop(): void {
    this.#window.close();
    this.#lookups.clear();
    this.#held.drop();
    this.#deletesSuspended = false;
  }

  /** Own batches before `nextSequence` are applied. */
  acknowledge(nextSequence: number): void {
    this.#window.acknowledge(nextSequence);
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

  /** A helper expects something on this node, or does so no more. Call `flush` as behind events. */
  handleExpectation(kind: number, expectation: ExpectationFields): void {
    if (!this.running) return;
    const { expectations } = this.#window;
    if (kind === KernelEventKind.destroy) expectations.gone(expectation);
    else {
      expectations.made(expectation);
      this.#lookUpMaster(expectation.master);
    }
  }

  /** The received batch is handled: propose if the window is due. */
  flush(): void {
    if (this.running) this.#lookups.run();
    this.#window.flush();
  }

  /** Resolves when a dump may report more flows without the window growing beyond what is good for it. */
  roomForMore(): Promise<void> {
    return this.#window.roomForMore();
  }

  /** A flow that a dump shows and the table has otherwise (`known`) or lacks; `whole` entries carry every attribute. */
  report(flow: FlowFields, known: boolean): void {
    if (!this.running) return;
    const probe = this.#probe.set(flow);
    if (this.#window.pendingKind(probe) >= 0) return;
    if (known) this.#window.put(probe, PendingKind.update, flow);
    else this.#create(probe, flow);
  }

  /** A flow whose life a dump shows to have moved: refreshes emit no event. */
  touch(flow: FlowFields): void {
    if (!this.running) return;
    const probe = this.#probe.set(flow);
    if (this.#window.pendingKind(probe) >= 0) return;
    this.#window.put(probe, PendingKind.touch, flow);
    this.#dependencies.counters.touches += 1;
  }

  /** A flow that is surely gone from the kernel (rule K9). */
  reportGone(flow: FlowFields): void {
    const probe = this.#probe.set(flow);
    if (!this.running || this.#deletesSuspended || this.#window.pendingKind(probe) >= 0) return;
    this.#window.put(probe, PendingKind.delete, flow);
  }

  /** A flow that this node itself has deleted in the kernel; call `flush` behind the last. */
  deleted(flow: FlowFields): void {
    if (!this.running) return;
    const probe = this.#probe.set(flow);
    this.#lookups.forget(probe);
    if (this.#window.isKnown(probe)) this.#end(probe, flow);
  }

  #onNew(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.#held.size > 0) {
      this.#held.settle(probe.text());
      this.#probe.set(flow);
    }
    if (this.#window.isKnown(probe)) this.#recreate(probe, flow);
    else if (!this.admission.isAdmitted(flow)) {
      this.#dependencies.counters.notAdmitted += 1;
      const special = (flow.attributes & specialAttributes) !== 0;
      this.#newborns.remember(probe, special ? Newborn.special : Newborn.plain);
    } else if (this.#tombstones.has(probe)) this.#lookups.add(probe, flow);
    else this.#create(probe, flow);
  }

  #onUpdate(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.#window.isKnown(probe)) this.#window.merge(probe, flow);
    else if (!this.admission.isAdmitted(flow)) {
      this.#dependencies.counters.notAdmitted += 1;
      if (flow.attributes & specialAttributes) this.#newborns.remember(probe, Newborn.special);
    } else if (this.#isWhollyKnown(probe)) this.#create(probe, flow);
    else this.#lookups.add(probe, flow);
  }

  /** Its NEW was seen, carried nothing that this event lacks, and nothing was said of its end (rules K3, K4). */
  #isWhollyKnown(probe: FlowKeyProbe): boolean {
    if (this.#window.names(probe) || this.#tombstones.has(probe)) return false;
    return this.#newborns.recall(probe) === Newborn.plain;
  }

  #onDestroy(probe: FlowKeyProbe, flow: FlowFields, portId: number): void {
    this.#lookups.forget(probe);
    if (!this.#window.isKnown(probe)) {
      this.#onStrangerDestroyed(probe, flow);
      return;
    }
    if (portId !== 0 && this.#isRestored(probe, portId)) return;
    const isSuspect = this.#held.isSuspect(flow, portId);
    if (isSuspect && this.#deletesSuspended) return;
    if (isSuspect) this.#held.hold(probe.text(), flow);
    else this.#end(probe, flow);
  }

  /** Rule K3: a flow that was worth replicating and is unknown has perhaps ended before its own NEW. */
  #onStrangerDestroyed(probe: FlowKeyProbe, flow: FlowFields): void {
    if (!this.admission.isAdmitted(flow) || this.#isFull) return;
    this.#tombstones.add(probe);
    this.#lookups.add(probe, flow);
  }

  /** Rule K16: what a person deletes is meant, unless the configuration says otherwise. */
  #isRestored(probe: FlowKeyProbe, portId: number): boolean {
    const { table, foreignDeletes, restore } = this.#dependencies;
    const slot = table.findKey(probe.bytes, 0, probe.length);
    const isWanted = this.#options.foreignDeletes === 'restore';
    const isRestored = isWanted && slot >= 0 && this.#window.pendingKind(probe) < 0;
    foreignDeletes.note(portId, isRestored ? 'restored' : 'replicated');
    if (isRestored) restore(slot);
    return isRestored;
  }

  #onHeldDestroy(flow: FlowFields): void {
    const probe = this.#probe.set(flow);
    if (!this.#window.isKnown(probe)) return;
    this.#end(probe, flow);
    this.#window.flush();
  }

  #end(probe: FlowKeyProbe, flow: FlowFields): void {
    this.#tombstones.add(probe);
    this.#window.end(probe, flow);
  }

  /** Rule K2: a tuple that is born again is another flow, nothing of the old one is kept. */
  #recreate(probe: FlowKeyProbe, flow: FlowFields): void {
    const admitted = this.admission.isAdmitted(flow);
    this.#window.put(probe, admitted ? PendingKind.replace : PendingKind.delete, flow);
    if (!admitted) this.#newborns.remember(probe, Newborn.special);
  }

  #create(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.#isFull) this.#limit.refuse();
    else this.#window.create(probe, flow);
  }

  get #isFull(): boolean {
    return this.#limit.isFull(this.#window.uncommitted);
  }

  #onLookedUp(entry: FlowFields): void {
    // The kernel says DESTROY a moment before it takes the entry out.
    if (entry.status & dying) return;
    const probe = this.#probe.set(entry);
    if (this.#window.isKnown(probe)) this.#learn(probe, entry);
    else if (this.admission.isAdmitted(entry)) this.#create(probe, entry);
  }

  /** A helper that expects something may have rewritten its packet: the kernel announces no shift of sequence numbers. */
  #lookUpMaster(master: FlowKeyFields): void {
    const probe = this.#probe.set(master);
    if (!this.#window.isKnown(probe)) return;
    const flow = new FlowRecord();
    flow.copyKeyFrom(master);
    this.#lookups.add(probe, flow);
  }

  /** What the kernel has come to know of a flow without an event. */
  #learn(probe: FlowKeyProbe, entry: FlowFields): void {
    const { attributes } = entry;
    if ((attributes & sequenceAdjust) === 0) return;
    entry.attributes = attributes & (sequenceAdjust | FlowAttribute.status);
    this.#window.merge(probe, entry);
    entry.attributes = attributes;
  }
}
