import { FlowAttribute, type FlowFields, FlowRecord, readFlowKey } from '@raftwall/flow-table';
import type { ApplierMode } from './applier-mode.ts';
import { Collisions } from './collisions.ts';
import type { Domain } from './domain.ts';
import type { Hold } from './hold.ts';
import { SlotFlag } from './local-flag.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import { Errno, type Kernel, type KernelBatch } from './ports.ts';
import {
  attributesRefused,
  isInjectable,
  namesOfRefused,
  refusedAttributes,
  refusedFlags,
} from './refused-attributes.ts';
import type { Room } from './room.ts';

/** Rows by key, and the local flags beside each row. */
export interface InjectedTable {
  findKey(bytes: Uint8Array, offset: number, length: number): number;
  find(flow: FlowFields): number;
  read(slot: number, into: FlowFields): void;
  localFlags(slot: number): number;
  setLocalFlags(slot: number, flags: number): void;
  /** Log index of the last change of the row. */
  localIndex(slot: number): number;
}

export interface InjectorDependencies {
  readonly kernel: Kernel;
  readonly table: InjectedTable;
  readonly domain: Domain;
  readonly hold: Hold;
  readonly room: Room;
  readonly counters: ReplicatorCounters;
  readonly errnoName: (errno: number) => string;
  readonly mode: () => ApplierMode;
  /** The flow is to be sent once more, in its turn. */
  readonly enqueue: (slot: number) => void;
  readonly deleteKernelEntry: (flow: FlowFields) => void;
}

const Verb = { create: 1, update: 2, delete: 3, rearm: 4 } as const;

/**
 * Turns flow keys into one send to the kernel and its answers into what is known of the rows. What is sent of a flow is
 * read from the table when its turn comes, and only if the mode of that moment allows it (rule K11).
 */
export class Injector {
  readonly #dependencies: InjectorDependencies;
  readonly #collisions: Collisions;
  /** The flows of the batch in flight, by position, to find their rows again when the results are in. */
  readonly #sent: FlowRecord[] = [];
  readonly #verbs: Uint8Array;
  readonly #batch: KernelBatch;

  constructor(options: { readonly batchMessagesMax: number }, dependencies: InjectorDependencies) {
    this.#dependencies = dependencies;
    this.#verbs = new Uint8Array(options.batchMessagesMax);
    this.#batch = dependencies.kernel.newBatch();
    this.#collisions = new Collisions({
      ...dependencies,
      mayDelete: () => dependencies.mode() === 'standby',
      onFound: (slot) => this.#markInKernel(slot, true),
    });
  }

  /** Messages that wait for `send`. */
  get count(): number {
    return this.#batch.count;
  }

  /** Starts an empty batch. */
  begin(): void {
    this.#batch.reset();
    this.#dependencies.room.measure();
  }

  addDelete(key: Uint8Array, length: number): void {
    if (length === 0 || this.#dependencies.mode() !== 'standby') return;
    const sent = this.#cell(this.#batch.count);
    readFlowKey(key, 0, sent);
    sent.attributes = 0;
    this.#verbs[this.#batch.count] = Verb.delete;
    this.#batch.delete(sent);
  }

  addUpsert(key: Uint8Array, length: number): void {
    const { table, domain, hold, mode } = this.#dependencies;
    const slot = length === 0 ? -1 : table.findKey(key, 0, length);
    if (slot < 0) return;
    const flags = table.localFlags(slot);
    table.setLocalFlags(slot, flags & ~(SlotFlag.queued | SlotFlag.restored));
    const exists = (flags & SlotFlag.inKernel) !== 0;
    if (!mayUpsert(mode(), flags)) return;
    const sent = this.#cell(this.#batch.count);
    table.read(slot, sent);
    if (!domain.contains(sent)) return;
    if (!isInjectable(sent)) {
      this.#dependencies.counters.incomplete += 1;
      return;
    }
    if (!exists && !this.#dependencies.room.take(sent)) return;
    sent.attributes &= ~attributesRefused(flags);
    const inject = {
      timeoutSeconds: mode() === 'active' ? hold.rearmedSeconds(sent) : hold.timeoutSeconds(sent),
      withStatus: (flags & SlotFlag.statusRefused) === 0,
    };
    this.#verbs[this.#batch.count] = exists ? Verb.update : Verb.create;
    if (exists) this.#batch.update(withMark(sent), inject);
    else this.#batch.create(sent, inject);
  }

  /** Ends the hold of a flow whose packets this node sees (rule K14). */
  addRearm(key: Uint8Array, length: number): void {
    const { table, hold, mode } = this.#dependencies;
    const slot = length === 0 ? -1 : table.findKey(key, 0, length);
    if (slot < 0 || (mode() !== 'active' && mode() !== 'addOnly')) return;
    const sent = this.#cell(this.#batch.count);
    table.read(slot, sent);
    this.#verbs[this.#batch.count] = Verb.rearm;
    this.#batch.touch(sent, hold.rearmedSeconds(sent));
  }

  async send(): Promise<void> {
    const batch = this.#batch;
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

  #cell(position: number): FlowRecord {
    const cell = this.#sent[position] ?? new FlowRecord();
    this.#sent[position] = cell;
    return cell;
  }

  /** Whether the create found something in its way. */
  #onResult(verb: number, flow: FlowRecord, errno: number): boolean {
    const { table, counters, errnoName } = this.#dependencies;
    const slot = table.find(flow);
    if (errno === Errno.none) this.#onDone(verb, slot);
    else if (verb === Verb.create && errno === Errno.eexist) return true;
    else if (verb === Verb.rearm && errno === Errno.enoent) return false;
    else if (verb === Verb.delete && errno === Errno.enoent) {
      if (slot >= 0) this.#markInKernel(slot, false);
    } else if (slot < 0 || verb > Verb.update || !this.#sendsAgain(verb, slot, errno, flow)) {
      countBy(counters.kernelFailures, errnoName(errno));
    }
    return false;
  }

  #onDone(verb: number, slot: number): void {
    const { counters } = this.#dependencies;
    if (verb === Verb.create) counters.kernelCreates += 1;
    else if (verb === Verb.update) counters.kernelUpdates += 1;
    else if (verb === Verb.rearm) counters.rearmed += 1;
    else counters.kernelDeletes += 1;
    if (slot < 0) return;
    this.#markInKernel(slot, verb !== Verb.delete);
    if (verb <= Verb.update) this.#markInjected(slot);
  }

  #markInjected(slot: number): void {
    const { table } = this.#dependencies;
    table.setLocalFlags(slot, table.localFlags(slot) | SlotFlag.injected);
  }

  /** Whether a create or update that failed is worth sending otherwise. */
  #sendsAgain(verb: number, slot: number, errno: number, flow: FlowFields): boolean {
    if (verb === Verb.update && errno === Errno.enoent) {
      this.#markInKernel(slot, false);
      this.#dependencies.enqueue(slot);
      return true;
    }
    const isBusy = verb === Verb.update && errno === Errno.ebusy;
    return (isBusy && this.#retryWithoutStatus(slot)) || this.#retryWithout(slot, flow, errno);
  }

  /** Rule K13: better a flow without its helper, master or labels than no flow. */
  #retryWithout(slot: number, flow: FlowFields, errno: number): boolean {
    const { table, counters, enqueue } = this.#dependencies;
    const refused = refusedAttributes(errno, flow.attributes);
    if (refused === 0) return false;
    for (const name of namesOfRefused(refused)) countBy(counters.attributesRefused, name);
    table.setLocalFlags(slot, table.localFlags(slot) | refusedFlags(refused));
    enqueue(slot);
    return true;
  }

  /** The kernel takes no status bit back, and refuses the whole message: the rest is worth sending without them. */
  #retryWithoutStatus(slot: number): boolean {
    const { table, enqueue } = this.#dependencies;
    const flags = table.localFlags(slot);
    if (flags & SlotFlag.statusRefused) return false;
    table.setLocalFlags(slot, flags | SlotFlag.statusRefused);
    enqueue(slot);
    return true;
  }

  #markInKernel(slot: number, present: boolean): void {
    const { table } = this.#dependencies;
    const kept = table.localFlags(slot) & ~(SlotFlag.inKernel | SlotFlag.retried);
    const found = SlotFlag.inKernel | SlotFlag.seenInKernel;
    table.setLocalFlags(slot, present ? (kept | found) & ~SlotFlag.destroyedHere : kept);
  }
}

/** A row without a mark has the mark 0, which an update must say to take another one away. */
function withMark(flow: FlowRecord): FlowRecord {
  if ((flow.attributes & FlowAttribute.mark) === 0) flow.mark = 0;
  flow.attributes |= FlowAttribute.mark;
  return flow;
}

/** Rules K8 and K10: a standby follows the table; elsewhere only what is missing is created, and has not ended there. */
function mayUpsert(mode: ApplierMode, flags: number): boolean {
  if (mode === 'active') return (flags & SlotFlag.restored) !== 0;
  if (mode === 'addOnly') return (flags & (SlotFlag.inKernel | SlotFlag.destroyedHere)) === 0;
  return mode === 'standby';
}
