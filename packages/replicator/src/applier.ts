import {
  FLOW_KEY_BYTES_MAX,
  FlowAttribute,
  type FlowFields,
  FlowRecord,
  readFlowKey,
} from '@raftwall/flow-table';
import { Collisions } from './collisions.ts';
import type { Domain } from './domain.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import { KeyQueue } from './key-queue.ts';
import { SlotFlag } from './local-flag.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { ApplierOptions } from './options.ts';
import { Errno, type Kernel, type KernelBatch } from './ports.ts';
import {
  attributesRefused,
  isInjectable,
  namesOfRefused,
  refusedAttributes,
  refusedFlags,
} from './refused-attributes.ts';

/** What the applier needs of the replicated table: rows by key, and the local flags beside each row. */
interface AppliedTable {
  readonly size: number;
  findKey(bytes: Uint8Array, offset: number, length: number): number;
  find(flow: FlowFields): number;
  read(slot: number, into: FlowFields): void;
  localFlags(slot: number): number;
  setLocalFlags(slot: number, flags: number): void;
  /** Log index of the last change of the row. */
  localIndex(slot: number): number;
}

/**
 * What the applier may do to the kernel.
 * - `blocked`: nothing; no living active node was heard since the start (rule K9).
 * - `standby`: the kernel follows the table.
 * - `addOnly`: this node may be carrying traffic: missing flows are created, nothing is changed or deleted (K8, K10).
 * - `active`: nothing; the kernel is the truth.
 */
export type ApplierMode = 'blocked' | 'standby' | 'addOnly' | 'active';

export interface ApplierDependencies {
  readonly kernel: Kernel;
  readonly table: AppliedTable;
  readonly domain: Domain;
  readonly counters: ReplicatorCounters;
  readonly errnoName: (errno: number) => string;
  /** The queue ran empty, or the kernel's index moved. */
  readonly onProgress: () => void;
  /** Something could not be queued or done: compare kernel and table. */
  readonly onRepairNeeded: (reason: string) => void;
}

const Verb = { create: 1, update: 2, delete: 3 } as const;

// enum tcp_conntrack: the only state whose timeout is its own on a standby too (rule K14).
const tcpEstablished = 3;
const protocolTcp = 6;

/**
 * Brings committed changes into this node's kernel. It keeps keys, not messages (rule K11): what to send for a flow is
 * read from the table when its turn comes, deletes first, then flows that others depend on, then related ones.
 */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #dependencies: ApplierDependencies;
  readonly #deletes: KeyQueue;
  readonly #upserts: KeyQueue;
  readonly #related: KeyQueue;
  readonly #key = new Uint8Array(FLOW_KEY_BYTES_MAX);
  readonly #probe = new FlowKeyProbe();
  readonly #flow = new FlowRecord();
  /** The flows of the batch in flight, by position, to find their rows again when the results are in. */
  readonly #sent: FlowRecord[] = [];
  readonly #verbs: Uint8Array;
  readonly #collisions: Collisions;
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
    this.#verbs = new Uint8Array(options.batchMessagesMax);
    this.#collisions = new Collisions({
      ...dependencies,
      mayDelete: () => this.#mode === 'standby',
      deleteKernelEntry: (entry) => this.deleteKernelEntry(entry),
      enqueue: (slot) => this.enqueue(slot),
      onFound: (slot) => this.#markInKernel(slot, true),
    });
  }

  get mode(): ApplierMode {
    return this.#mode;
  }

  /** Flows that wait for the kernel. */
  get queued(): number {
    return this.#deletes.count + this.#upserts.count + this.#related.count;
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
    if (mode === 'standby' || mode === 'addOnly') this.#run();
    else this.#clear();
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

  /** Makes the kernel follow the row, once, however often it is called before its turn. */
  enqueue(slot: number): void {
    if (this.#mode === 'blocked' || this.#mode === 'active') return;
    const flags = this.#dependencies.table.localFlags(slot);
    if (flags & SlotFlag.queued) return;
    const flow = this.#readSlot(slot);
    const queue = flow.attributes & FlowAttribute.master ? this.#related : this.#upserts;
    if (!this.#push(queue, flow)) return;
    this.#dependencies.table.setLocalFlags(slot, flags | SlotFlag.queued);
    this.#run();
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
    await this.#drainDeletes();
    await this.#drainUpserts(this.#upserts, upserts);
    await this.#drainUpserts(this.#related, related);
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
    for (let left = this.#deletes.count; left > 0; ) {
      const batch = this.#dependencies.kernel.newBatch();
      for (; left > 0 && batch.count < this.#options.batchMessagesMax; left -= 1) {
        this.#takeDelete(batch);
      }
      await this.#send(batch);
    }
  }

  #takeDelete(batch: KernelBatch): void {
    const length = this.#deletes.shift(this.#key);
    if (length === 0 || this.#mode !== 'standby') return;
    const sent = this.#cell(batch.count);
    readFlowKey(this.#key, 0, sent);
    this.#verbs[batch.count] = Verb.delete;
    batch.delete(sent);
  }

  async #drainUpserts(queue: KeyQueue, count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const batch = this.#dependencies.kernel.newBatch();
      for (; left > 0 && batch.count < this.#options.batchMessagesMax; left -= 1) {
        this.#takeUpsert(queue, batch);
      }
      await this.#send(batch);
    }
  }

  #takeUpsert(queue: KeyQueue, batch: KernelBatch): void {
    const { table, domain } = this.#dependencies;
    const length = queue.shift(this.#key);
    const slot = length === 0 ? -1 : table.findKey(this.#key, 0, length);
    if (slot < 0) return;
    this.#unmarkQueued(slot);
    const flags = table.localFlags(slot);
    const exists = (flags & SlotFlag.inKernel) !== 0;
    if (this.#mode === 'addOnly' && (exists || flags & SlotFlag.destroyedHere)) return;
    if (this.#mode !== 'addOnly' && this.#mode !== 'standby') return;
    const sent = this.#cell(batch.count);
    table.read(slot, sent);
    if (!domain.contains(sent)) return;
    if (!isInjectable(sent)) {
      this.#dependencies.counters.incomplete += 1;
      return;
    }
    sent.attributes &= ~attributesRefused(flags);
    const inject = {
      timeoutSeconds: this.injectTimeoutSeconds(sent),
      withStatus: (flags & SlotFlag.statusRefused) === 0,
    };
    this.#verbs[batch.count] = exists ? Verb.update : Verb.create;
    if (exists) batch.update(sent, inject);
    else batch.create(sent, inject);
  }

  /** Rule K14: a standby sees no packets of the flow, so it keeps it longer than the flow has left. */
  injectTimeoutSeconds(flow: FlowFields): number {
    const isEstablished = flow.protocol === protocolTcp && flow.tcpState === tcpEstablished;
    const { tcpEstablishedSeconds, holdSeconds } = this.#options;
    return isEstablished ? tcpEstablishedSeconds : flow.timeoutSeconds + holdSeconds;
  }

  /** Rule K14: a hold that ran down, or was undone by a packet, is due to be restored. */
  needsHold(row: FlowFields, entry: FlowFields): boolean {
    return (
      entry.timeoutSeconds < Math.min(this.injectTimeoutSeconds(row), this.#options.holdSeconds) / 2
    );
  }

  #cell(position: number): FlowRecord {
    const cell = this.#sent[position] ?? new FlowRecord();
    this.#sent[position] = cell;
    return cell;
  }

  async #send(batch: KernelBatch): Promise<void> {
    if (batch.count === 0) return;
    const results = await this.#dependencies.kernel.execute(batch);
    const collided: FlowRecord[] = [];
    for (let position = 0; position < batch.count; position += 1) {
      const flow = this.#sent[position]!;
      if (this.#onResult(this.#verbs[position]!, flow, results[position]!)) {
        const copy = new FlowRecord();
        copy.copyFrom(flow);
        collided.push(copy);
      }
    }
    if (collided.length > 0) await this.#collisions.resolve(collided);
  }

  /** Whether the create found something in its way. */
  #onResult(verb: number, flow: FlowRecord, errno: number): boolean {
    const { table, counters } = this.#dependencies;
    const slot = table.find(flow);
    if (errno === Errno.none) {
      if (verb === Verb.create) counters.kernelCreates += 1;
      else if (verb === Verb.update) counters.kernelUpdates += 1;
      else counters.kernelDeletes += 1;
      if (slot >= 0) this.#markInKernel(slot, verb !== Verb.delete);
      return false;
    }
    if (verb === Verb.delete && errno === Errno.enoent) {
      if (slot >= 0) this.#markInKernel(slot, false);
      return false;
    }
    if (verb === Verb.create && errno === Errno.eexist) return true;
    if (verb === Verb.update && errno === Errno.enoent && slot >= 0) {
      this.#markInKernel(slot, false);
      this.enqueue(slot);
      return false;
    }
    if (
      verb === Verb.update &&
      errno === Errno.ebusy &&
      slot >= 0 &&
      this.#retryWithoutStatus(slot)
    ) {
      return false;
    }
    if (slot >= 0 && verb !== Verb.delete && this.#retryWithout(slot, flow, errno)) return false;
    countBy(counters.kernelFailures, this.#dependencies.errnoName(errno));
    return false;
  }

  /** Rule K13: better a flow without its helper, master or labels than no flow. */
  #retryWithout(slot: number, flow: FlowRecord, errno: number): boolean {
    const { table, counters } = this.#dependencies;
    const refused = refusedAttributes(errno, flow.attributes);
    if (refused === 0) return false;
    for (const name of namesOfRefused(refused)) countBy(counters.attributesRefused, name);
    table.setLocalFlags(slot, table.localFlags(slot) | refusedFlags(refused));
    this.enqueue(slot);
    return true;
  }

  /** The kernel takes no status bit back, and refuses the whole message: the rest is worth sending without them. */
  #retryWithoutStatus(slot: number): boolean {
    const { table } = this.#dependencies;
    const flags = table.localFlags(slot);
    if (flags & SlotFlag.statusRefused) return false;
    table.setLocalFlags(slot, flags | SlotFlag.statusRefused);
    this.enqueue(slot);
    return true;
  }

  #markInKernel(slot: number, present: boolean): void {
    const { table } = this.#dependencies;
    const kept = table.localFlags(slot) & ~(SlotFlag.inKernel | SlotFlag.retried);
    const found = SlotFlag.inKernel | SlotFlag.seenInKernel;
    table.setLocalFlags(slot, present ? (kept | found) & ~SlotFlag.destroyedHere : kept);
  }

  #unmarkQueued(slot: number): void {
    const { table } = this.#dependencies;
    table.setLocalFlags(slot, table.localFlags(slot) & ~SlotFlag.queued);
  }
}
