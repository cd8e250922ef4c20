import type { FlowFields, FlowRecord } from '@raftwall/flow-table';
import type { Domain } from './domain.ts';
import { SlotFlag } from './local-flag.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Kernel } from './ports.ts';

/** What collisions need of the replicated table. */
interface CollidingTable {
  find(flow: FlowFields): number;
  localFlags(slot: number): number;
  setLocalFlags(slot: number, flags: number): void;
  /** Log index of the last change of the row. */
  localIndex(slot: number): number;
}

export interface CollisionsDependencies {
  readonly kernel: Kernel;
  readonly table: CollidingTable;
  readonly domain: Domain;
  readonly counters: ReplicatorCounters;
  /** Whether this kernel may be cleaned now: only a standby deletes (rules K8, K10). */
  readonly mayDelete: () => boolean;
  readonly deleteKernelEntry: (entry: FlowFields) => void;
  readonly enqueue: (slot: number) => void;
  /** The row's flow is in the kernel as it should be. */
  readonly onFound: (slot: number) => void;
}

/** Rule K12: a create that finds something in its way has met its own original tuple, or somebody else's reply tuple. */
export class Collisions {
  readonly #dependencies: CollisionsDependencies;

  constructor(dependencies: CollisionsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Looks at what was in the way of these creates, and settles each. */
  async resolve(flows: readonly FlowRecord[]): Promise<void> {
    const { kernel, mayDelete } = this.#dependencies;
    const byReply: FlowRecord[] = [];
    const found = new Set<number>();
    await kernel.lookup(flows, 'original', (position, entry) => {
      found.add(position);
      this.#onSameOriginal(flows[position]!, entry);
    });
    flows.forEach((flow, position) => {
      if (!found.has(position)) byReply.push(flow);
    });
    if (byReply.length === 0 || !mayDelete()) return;
    await kernel.lookup(byReply, 'reply', (position, entry) =>
      this.#onSameReply(byReply[position]!, entry),
    );
  }

  #onSameOriginal(flow: FlowRecord, entry: FlowFields): void {
    const { table, domain, mayDelete, onFound, enqueue } = this.#dependencies;
    const slot = table.find(flow);
    if (slot < 0) return;
    if (!domain.contains(entry)) this.#giveUp(slot);
    else if (sameReply(flow, entry)) {
      onFound(slot);
      if (mayDelete()) enqueue(slot);
    } else {
      // Another life of the tuple, translated otherwise: it cannot be changed into this one.
      this.#clearTheWay(slot, entry);
    }
  }

  /** A translated port that was given to a new flow: the old one leaves, if the table has forgotten it or knows it as older. */
  #onSameReply(flow: FlowRecord, entry: FlowFields): void {
    const { table, domain } = this.#dependencies;
    const slot = table.find(flow);
    if (slot < 0) return;
    const other = table.find(entry);
    const isNewer = other < 0 || table.localIndex(slot) > table.localIndex(other);
    if (!isNewer || !domain.contains(entry)) this.#giveUp(slot);
    else this.#clearTheWay(slot, entry);
  }

  /** Deletes what is in the way and creates once more, not twice: a second collision is left to reconcile. */
  #clearTheWay(slot: number, entry: FlowFields): void {
    const { table, mayDelete, deleteKernelEntry, enqueue } = this.#dependencies;
    const flags = table.localFlags(slot);
    if (!mayDelete() || flags & SlotFlag.retried) {
      this.#giveUp(slot);
      return;
    }
    table.setLocalFlags(slot, flags | SlotFlag.retried);
    deleteKernelEntry(entry);
    enqueue(slot);
  }

  #giveUp(slot: number): void {
    const { table, counters } = this.#dependencies;
    countBy(counters.kernelFailures, 'EEXIST');
    table.setLocalFlags(slot, table.localFlags(slot) & ~SlotFlag.retried);
  }
}

/** Whether two lives of an original tuple are translated alike. */
export function sameReply(left: FlowFields, right: FlowFields): boolean {
  return (
    left.replyL4 === right.replyL4 &&
    left.replySource.every((byte, i) => byte === right.replySource[i]) &&
    left.replyDestination.every((byte, i) => byte === right.replyDestination[i])
  );
}
