import type { ExpectationFields, FlowFields } from '@raftwall/flow-table';
import type { Applier } from './applier.ts';
import type { Capture } from './capture.ts';
import type { ForeignDeletes } from './foreign-deletes.ts';
import { SlotFlag } from './local-flag.ts';
import { KernelEventKind } from './ports.ts';
import type { Reconciler } from './reconciler.ts';

/** Rows by key, and the local flags beside each row. */
interface ObservedTable {
  find(flow: FlowFields): number;
  localFlags(slot: number): number;
  setLocalFlags(slot: number, flags: number): void;
}

export interface KernelEventsDependencies {
  readonly table: ObservedTable;
  readonly capture: Capture;
  readonly reconciler: Reconciler;
  readonly applier: Applier;
  readonly foreignDeletes: ForeignDeletes;
}

/** What this kernel reports of a group's flows: to capture while this node is active, else only for the repair of this kernel. */
export class KernelEvents {
  readonly #dependencies: KernelEventsDependencies;

  constructor(dependencies: KernelEventsDependencies) {
    this.#dependencies = dependencies;
  }

  /** One event. Call `flush` behind the last of a batch. */
  handle(kind: number, entry: FlowFields, portId: number): void {
    const { capture, reconciler } = this.#dependencies;
    reconciler.noteEvent(entry);
    if (capture.running) capture.handle(kind, entry, portId);
    else if (kind === KernelEventKind.destroy) this.#onDestroyHere(entry, portId);
  }

  flush(): void {
    this.#dependencies.capture.flush();
  }

  /** What helpers expect, between the events of the batch that is being handled. */
  handleExpectation(kind: number, expectation: ExpectationFields): void {
    const { capture, applier } = this.#dependencies;
    if (capture.running) capture.handleExpectation(kind, expectation);
    else if (kind === KernelEventKind.destroy) applier.expectations.noteEnded(expectation);
  }

  /**
   * A flow left this kernel while another node's, or nobody's, is the truth. Once this node may be carrying traffic that is
   * the flow's end (rule K8); before, it is a hold that ran out or somebody's delete, and the kernel follows the table.
   */
  #onDestroyHere(entry: FlowFields, portId: number): void {
    const { table, applier, foreignDeletes } = this.#dependencies;
    const slot = table.find(entry);
    if (slot < 0) return;
    const flags = table.localFlags(slot) & ~SlotFlag.inKernel;
    const isEnd = applier.mode === 'addOnly';
    table.setLocalFlags(slot, isEnd ? flags | SlotFlag.destroyedHere : flags);
    if (portId !== 0) foreignDeletes.note(portId, isEnd ? 'replicated' : 'restored');
    if (!isEnd) applier.enqueue(slot);
  }
}
