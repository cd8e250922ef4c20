import {
  type ExpectationFields,
  FLOW_KEY_BYTES_MAX,
  FlowAttribute,
  type FlowFields,
  FlowRecord,
} from '@raftwall/flow-table';
import type { ApplierMode } from './applier-mode.ts';
import type { Domain } from './domain.ts';
import { ExpectationInjector } from './expectation-injector.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import { Hold } from './hold.ts';
import { type InjectedTable, Injector } from './injector.ts';
import { KeyQueue } from './key-queue.ts';
import { SlotFlag } from './local-flag.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { ApplierOptions } from './options.ts';
import type { Kernel } from './ports.ts';
import type { Room } from './room.ts';

/** What the applier needs of the replicated table. */
interface AppliedTable extends InjectedTable {
  readonly size: number;
}

export interface ApplierDependencies {
  readonly kernel: Kernel;
  readonly table: AppliedTable;
  readonly domain: Domain;
  readonly room: Room;
  readonly counters: ReplicatorCounters;
  readonly errnoName: (errno: number) => string;
  /** The queue ran empty, or the kernel's index moved. */
  readonly onProgress: () => void;
  /** Something could not be queued or done: compare kernel and table. */
  readonly onRepairNeeded: (reason: string) => void;
}

/**
 * Brings committed changes into this node's kernel. It keeps keys, not messages (rule K11): what to send for a flow is
 * read from the table when its turn comes, deletes first, then flows that others depend on, then what those expect, then
 * related ones.
 */
export class Applier {
  readonly hold: Hold;
  readonly expectations: ExpectationInjector;
  readonly #options: ApplierOptions;
  readonly #dependencies: ApplierDependencies;
  readonly #deletes: KeyQueue;
  readonly #upserts: KeyQueue;
  readonly #related: KeyQueue;
  readonly #rearms: KeyQueue;
  readonly #key = new Uint8Array(FLOW_KEY_BYTES_MAX);
  readonly #probe = new FlowKeyProbe();
  readonly #flow = new FlowRecord();
  readonly #injector: Injector;
  #mode: ApplierMode = 'blocked';
  #running = false;
  /** Number of the pass that runs, or ran last; each takes what waits when it begins. */
  #pass = 0;
  #waiters: { readonly pass: number; readonly resolve: () => void }[] = [];
  #appliedIndex = 0;
  #kernelIndex = 0;
  #levelHeld = false;

  constructor(options: ApplierOptions, dependencies: ApplierDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#deletes = new KeyQueue(options.queueBytesMax);
    this.#upserts = new KeyQueue(options.queueBytesMax);
    this.#related = new KeyQueue(options.queueBytesMax);
    this.#rearms = new KeyQueue(options.queueBytesMax);
    this.hold = new Hold(options);
    this.expectations = new ExpectationInjector(options, {
      ...dependencies,
      mode: () => this.#mode,
    });
    this.#injector = new Injector(options, {
      ...dependencies,
      hold: this.hold,
      mode: () => this.#mode,
      enqueue: (slot) => this.enqueue(slot),
      deleteKernelEntry: (flow) => this.deleteKernelEntry(flow),
    });
  }

  get mode(): ApplierMode {
    return this.#mode;
  }

  /** Flows that wait for the kernel. */
  get queued(): number {
    const flows = this.#deletes.count + this.#upserts.count + this.#related.count;
    return flows + this.expectations.count + this.#rearms.count;
  }

  /** Log index with which this kernel is level. */
  get kernelIndex(): number {
    return this.#mode === 'active' ? this.#appliedIndex : this.#kernelIndex;
  }

  /** Takes effect for what is sent from now on; keys that wait are kept only where the new mode can use them. */
  setMode(mode: ApplierMode): void {
    if (this.#mode === mode) return;
    // What a node that had not injected yet has in its kernel proves nothing, however it goes on.
    this.#levelHeld = mode === 'standby' || (mode === 'addOnly' && this.#mode === 'blocked');
    this.#mode = mode;
    this.expectations.clear();
    if (mode === 'standby' || mode === 'addOnly') this.#run();
    else this.#clear();
  }

  /** Another table is put in the place of this one: what this node knew of its kernel is worth nothing (rule T5). */
  reset(): void {
    this.setMode('blocked');
    this.#kernelIndex = 0;
  }

  /** Kernel and table were compared since the mode became `standby`: from now on an empty queue means level. */
  confirmCompared(): void {
    this.#levelHeld = false;
    if (!this.#running) this.#level();
  }

  /** A row was created, replaced or changed by a committed operation. */
  changed(slot: number, replaced: boolean): void {
    if (replaced) {
      const { table } = this.#dependencies;
      table.setLocalFlags(slot, 0);
      this.deleteKernelEntry(this.#readSlot(slot));
    }
    this.enqueue(slot);
  }

  /** A row is about to leave the table. */
  removed(flow: FlowFields): void {
    if (this.#mode === 'standby') this.deleteKernelEntry(flow);
  }

  /** An expectation came into the table, or left it. */
  expectationChanged(expectation: ExpectationFields, change: 'expected' | 'gone'): void {
    if (change === 'expected') this.expectations.made(expectation);
    else this.expectations.gone(expectation);
    if (this.expectations.count > 0) this.#run();
  }

  /** Makes the kernel follow the row, once, however often it is called before its turn. */
  enqueue(slot: number): void {
    if (this.#mode === 'standby' || this.#mode === 'addOnly') this.#enqueue(slot);
  }

  /** Brings a flow that somebody deleted here back into the kernel, also on the active node (rule K16). */
  restore(slot: number): void {
    const { table } = this.#dependencies;
    const flags = table.localFlags(slot) & ~(SlotFlag.inKernel | SlotFlag.destroyedHere);
    table.setLocalFlags(slot, flags | SlotFlag.restored);
    if (this.#mode !== 'blocked') this.#enqueue(slot);
  }

  /** Ends the hold of a flow whose packets this node sees (rule K14). */
  rearm(flow: FlowFields): void {
    if (this.#push(this.#rearms, flow)) this.#run();
  }

  #enqueue(slot: number): void {
    const flags = this.#dependencies.table.localFlags(slot);
    if (flags & SlotFlag.queued) return;
    const flow = this.#readSlot(slot);
    const queue = flow.attributes & FlowAttribute.master ? this.#related : this.#upserts;
    if (!this.#push(queue, flow)) return;
    this.#dependencies.table.setLocalFlags(slot, flags | SlotFlag.queued);
    this.#run();
  }

  /** Rule K14: the entry's life is made longer again; one whose life is fixed (GRE) is made anew. */
  restoreHold(slot: number, entry: FlowFields): void {
    if (this.hold.isFixed(entry)) this.deleteKernelEntry(entry);
    this.enqueue(slot);
  }

  /** Takes an entry out of the kernel, whatever the table says of its key by then. */
  deleteKernelEntry(flow: FlowFields): void {
    if (this.#mode !== 'standby') return;
    if (this.#push(this.#deletes, flow)) this.#run();
  }

  /** Everything up to `index` is applied to the table, and its changes are queued. */
  setAppliedIndex(index: number): void {
    this.#appliedIndex = index;
    if (!this.#running) this.#level();
  }

  /** Resolves when what was queued before the call has been sent. */
  drained(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    const pass = this.#pass + 1;
    return new Promise((resolve) => this.#waiters.push({ pass, resolve }));
  }

  #readSlot(slot: number): FlowRecord {
    this.#dependencies.table.read(slot, this.#flow);
    return this.#flow;
  }

  #push(queue: KeyQueue, flow: FlowFields): boolean {
    this.#probe.set(flow);
    if (queue.push(this.#probe.bytes, this.#probe.length)) return true;
    this.#dependencies.counters.applierDropped += 1;
    this.#dependencies.onRepairNeeded('applier queue full');
    return false;
  }

  #clear(): void {
    this.#unqueue(this.#upserts);
    this.#unqueue(this.#related);
    this.#deletes.clear();
    this.#rearms.clear();
  }

  #unqueue(queue: KeyQueue): void {
    for (let length = queue.shift(this.#key); length > 0; length = queue.shift(this.#key)) {
      const slot = this.#dependencies.table.findKey(this.#key, 0, length);
      if (slot >= 0) this.#unmarkQueued(slot);
    }
  }

  #level(): void {
    if (this.#levelHeld || this.queued > 0) return;
    if (this.#mode === 'blocked' && this.#dependencies.table.size > 0) return;
    if (this.#kernelIndex === this.#appliedIndex) return;
    this.#kernelIndex = this.#appliedIndex;
    this.#dependencies.onProgress();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#drain()
      .catch((error) => this.#onSendFailed(error))
      .then(() => this.#onIdle());
  }

  #onIdle(): void {
    this.#running = false;
    if (this.queued > 0) {
      this.#run();
      return;
    }
    this.#wake(Number.POSITIVE_INFINITY);
    this.#level();
    this.#dependencies.onProgress();
  }

  /** What was taken from the queue is not known to be in the kernel: only a comparison can tell. */
  #onSendFailed(error: unknown): void {
    this.#levelHeld = true;
    this.#clear();
    countBy(this.#dependencies.counters.kernelFailures, 'send');
    this.#dependencies.onRepairNeeded(`sending to the kernel failed: ${String(error)}`);
  }

  async #drain(): Promise<void> {
    // Lets the rest of the commit be queued first, so that its deletes go before its creates (rule K11).
    await Promise.resolve();
    while (this.queued > 0) await this.#runPass();
  }

  /** Takes what waits now; what is queued meanwhile is the next pass's, so that a kernel under load comes level too. */
  async #runPass(): Promise<void> {
    this.#pass += 1;
    const target = this.#appliedIndex;
    const upserts = this.#upserts.count;
    const related = this.#related.count;
    const rearms = this.#rearms.count;
    const expectations = this.expectations.take();
    await this.#drainDeletes();
    await this.#drainUpserts(this.#upserts, upserts);
    await this.expectations.send(expectations);
    await this.#drainUpserts(this.#related, related);
    await this.#drainQueue(this.#rearms, rearms, (length) =>
      this.#injector.addRearm(this.#key, length),
    );
    if (!this.#levelHeld && target > this.#kernelIndex) this.#kernelIndex = target;
    this.#wake(this.#pass);
    this.#dependencies.onProgress();
  }

  #wake(pass: number): void {
    const woken = this.#waiters.filter((waiter) => waiter.pass <= pass);
    this.#waiters = this.#waiters.filter((waiter) => waiter.pass > pass);
    for (const { resolve } of woken) resolve();
  }

  async #drainDeletes(): Promise<void> {
    await this.#drainQueue(this.#deletes, this.#deletes.count, (length) =>
      this.#injector.addDelete(this.#key, length),
    );
  }

  async #drainUpserts(queue: KeyQueue, count: number): Promise<void> {
    await this.#drainQueue(queue, count, (length) => this.#injector.addUpsert(this.#key, length));
  }

  async #drainQueue(
    queue: KeyQueue,
    count: number,
    add: (keyLength: number) => void,
  ): Promise<void> {
    for (let left = count; left > 0; ) {
      this.#injector.begin();
      for (; left > 0 && this.#injector.count < this.#options.batchMessagesMax; left -= 1) {
        add(queue.shift(this.#key));
      }
      await this.#injector.send();
    }
  }

  #unmarkQueued(slot: number): void {
    const { table } = this.#dependencies;
    table.setLocalFlags(slot, table.localFlags(slot) & ~SlotFlag.queued);
  }
}
