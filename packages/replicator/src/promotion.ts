import { FlowRecord, type FlowTable } from '@raftwall/flow-table';
import type { Applier } from './applier.ts';
import type { GroupState } from './cluster-state.ts';
import type { GroupSelectors } from './group-selectors.ts';
import { SlotFlag } from './local-flag.ts';
import type { Reconciler } from './reconciler.ts';

export interface PromotionOptions {
  readonly group: string;
  readonly node: string;
  readonly kernelIncarnation: string;
}

export interface PromotionDependencies {
  readonly table: FlowTable;
  readonly applier: Applier;
  readonly selectors: GroupSelectors;
  readonly reconciler: () => Reconciler;
}

const pageRows = 5_000;

/** Rule K8: everything up to the own activation is brought into the kernel before the kernel is the truth. */
export class Promotion {
  readonly #self: PromotionOptions;
  readonly #dependencies: PromotionDependencies;
  readonly #flow = new FlowRecord();
  /** The kernel was compared with the table since the start: `inKernel` flags can be believed. */
  #compared = false;
  /** The group before this node's newest own activation. */
  #before: GroupState | null = null;

  constructor(self: PromotionOptions, dependencies: PromotionDependencies) {
    this.#self = self;
    this.#dependencies = dependencies;
  }

  noteCompared(): void {
    this.#compared = true;
  }

  /** The table was replaced, and the flags with it. */
  forget(): void {
    this.#compared = false;
    this.#before = null;
  }

  noteActivation(before: GroupState): void {
    this.#before = before;
  }

  async run(): Promise<void> {
    const { table, applier, reconciler } = this.#dependencies;
    applier.setMode('addOnly');
    if (!this.#compared) await reconciler().run('promotion', 'inspect');
    this.#compared = true;
    const continued = this.#continuesOwnEpoch();
    for (let cursor = 0; cursor >= 0; ) {
      cursor = table.forEachPage(cursor, pageRows, (slot) => this.#prepare(slot, continued));
      await applier.drained();
    }
  }

  #prepare(slot: number, continued: boolean): void {
    const { table, applier } = this.#dependencies;
    if (!this.#isOwn(slot)) return;
    const flags = table.localFlags(slot);
    // This kernel was the truth and lived on: what it lacks has ended while nobody looked.
    if (continued) table.setLocalFlags(slot, flags | SlotFlag.seenInKernel);
    else if ((flags & SlotFlag.inKernel) === 0) applier.enqueue(slot);
  }

  #isOwn(slot: number): boolean {
    const { table, selectors } = this.#dependencies;
    if (selectors.isWhole) return true;
    table.read(slot, this.#flow);
    return selectors.isIn(this.#self.group, this.#flow);
  }

  /** Nobody else was active since this very kernel was, and it had been brought level then. */
  #continuesOwnEpoch(): boolean {
    const before = this.#before;
    return (
      before?.promoted === true &&
      before.node === this.#self.node &&
      before.kernelIncarnation === this.#self.kernelIncarnation
    );
  }
}
