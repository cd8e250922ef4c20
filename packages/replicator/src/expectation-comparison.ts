import {
  type ExpectationFields,
  ExpectationRecord,
  type ExpectationTable,
  expectationKey,
  type FlowKeyFields,
} from '@raftwall/flow-table';
import type { Kernel } from './ports.ts';

/** Where differences are mended. */
interface Sink {
  made(expectation: ExpectationFields): void;
  gone(expectation: ExpectationFields): void;
}

export interface ExpectationComparisonDependencies {
  readonly kernel: Kernel;
  readonly expectations: ExpectationTable;
  /** Whether the flow is in the table, and the group's own: what others expect is nobody's business. */
  readonly isReplicated: (master: FlowKeyFields) => boolean;
  /** Whether the flow is in the table, and another group's. */
  readonly isForeign: (master: FlowKeyFields) => boolean;
  /** Which side is the truth now; null while neither may be repaired. */
  readonly truth: () => 'kernel' | 'table' | null;
  /** Whether what the table lacks may leave this kernel (rule K10). */
  readonly mayClean: () => boolean;
  /** Into the log; `flush` behind the last. */
  readonly toLog: Sink & { flush(): void };
  /** Into this kernel. */
  readonly toKernel: Sink;
}

/**
 * Compares the expectations of the kernel with those of the table and mends the side that is not the truth. Rule K9: gone is
 * only what the table had before the dump began and the dump does not show.
 */
export class ExpectationComparison {
  readonly #dependencies: ExpectationComparisonDependencies;

  constructor(dependencies: ExpectationComparisonDependencies) {
    this.#dependencies = dependencies;
  }

  /** @param truth of the round that this comparison belongs to; nothing is mended if it has changed meanwhile. */
  async run(truth: 'kernel' | 'table'): Promise<void> {
    const { kernel, expectations } = this.#dependencies;
    const before = copiesOf(expectations.values());
    const found = new Map<string, ExpectationRecord>();
    await kernel.dumpExpectations((it) => {
      found.set(expectationKey(it), new ExpectationRecord().copyFrom(it));
    });
    if (this.#dependencies.truth() !== truth) return;
    if (truth === 'kernel') this.#mendTable(before, found);
    else this.#mendKernel(found);
  }

  #mendTable(
    before: ReadonlyMap<string, ExpectationRecord>,
    found: ReadonlyMap<string, ExpectationRecord>,
  ): void {
    const { expectations, isReplicated, isForeign, toLog } = this.#dependencies;
    for (const expectation of found.values()) {
      if (!expectations.has(expectation) && isReplicated(expectation.master)) {
        toLog.made(expectation);
      }
    }
    for (const [key, expectation] of before) {
      if (isForeign(expectation.master)) continue;
      if (!found.has(key) && expectations.has(expectation)) toLog.gone(expectation);
    }
    toLog.flush();
  }

  #mendKernel(found: ReadonlyMap<string, ExpectationRecord>): void {
    const { expectations, isReplicated, isForeign, mayClean, toKernel } = this.#dependencies;
    for (const expectation of expectations.values()) {
      if (isForeign(expectation.master)) continue;
      if (!found.has(expectationKey(expectation))) toKernel.made(expectation);
    }
    if (!mayClean()) return;
    for (const expectation of found.values()) {
      if (!expectations.has(expectation) && isReplicated(expectation.master)) {
        toKernel.gone(expectation);
      }
    }
  }
}

function copiesOf(
  expectations: Iterable<ExpectationRecord>,
): ReadonlyMap<string, ExpectationRecord> {
  const copies = new Map<string, ExpectationRecord>();
  for (const it of expectations) {
    copies.set(expectationKey(it), new ExpectationRecord().copyFrom(it));
  }
  return copies;
}
