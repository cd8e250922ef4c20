import { type ExpectationFields, ExpectationRecord, expectationKey } from '@raftwall/flow-table';
import type { ApplierMode } from './applier-mode.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import { Errno, type Kernel, type KernelBatch } from './ports.ts';

export interface ExpectationInjectorDependencies {
  readonly kernel: Kernel;
  readonly counters: ReplicatorCounters;
  readonly errnoName: (errno: number) => string;
  readonly mode: () => ApplierMode;
}

/** What one pass brings into the kernel. */
export interface ExpectationChanges {
  readonly made: readonly ExpectationRecord[];
  readonly gone: readonly ExpectationRecord[];
}

/**
 * Brings committed expectations into this node's kernel, in the turn that rule K11 gives them: behind the flows that expect.
 * One that the kernel does not take is left to the next comparison.
 */
export class ExpectationInjector {
  readonly #options: { readonly batchMessagesMax: number };
  readonly #dependencies: ExpectationInjectorDependencies;
  readonly #batch: KernelBatch;
  readonly #made = new Map<string, ExpectationRecord>();
  readonly #gone = new Map<string, ExpectationRecord>();
  /** Used up here while this node may have been carrying traffic: they are not made again (rule K8). */
  readonly #endedHere = new Set<string>();

  constructor(
    options: { readonly batchMessagesMax: number },
    dependencies: ExpectationInjectorDependencies,
  ) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#batch = dependencies.kernel.newBatch();
  }

  /** Expectations that wait for the kernel. */
  get count(): number {
    return this.#made.size + this.#gone.size;
  }

  made(expectation: ExpectationFields): void {
    const key = expectationKey(expectation);
    const mode = this.#dependencies.mode();
    if ((mode !== 'standby' && mode !== 'addOnly') || this.#endedHere.has(key)) return;
    this.#gone.delete(key);
    this.#made.set(key, new ExpectationRecord().copyFrom(expectation));
  }

  gone(expectation: ExpectationFields): void {
    const key = expectationKey(expectation);
    this.#made.delete(key);
    this.#endedHere.delete(key);
    if (this.#dependencies.mode() !== 'standby') return;
    this.#gone.set(key, new ExpectationRecord().copyFrom(expectation));
  }

  /** This kernel had it and has it no more. */
  noteEnded(expectation: ExpectationFields): void {
    if (this.#dependencies.mode() === 'addOnly') this.#endedHere.add(expectationKey(expectation));
  }

  /** The mode has changed: what waits, and what was noted, belongs to the old one. */
  clear(): void {
    this.#made.clear();
    this.#gone.clear();
    this.#endedHere.clear();
  }

  /** Takes what waits now, for one pass. */
  take(): ExpectationChanges {
    const changes = { made: [...this.#made.values()], gone: [...this.#gone.values()] };
    this.#made.clear();
    this.#gone.clear();
    return changes;
  }

  async send({ made, gone }: ExpectationChanges): Promise<void> {
    for (const page of pages(gone, this.#options.batchMessagesMax)) {
      await this.#send(page, 1, (batch, it) => batch.unexpect(it));
    }
    // The kernel gives a new one the life of its policy; a second message says what is left of it.
    for (const page of pages(made, this.#options.batchMessagesMax >>> 1)) {
      await this.#send(page, 2, (batch, it) => {
        batch.expect(it);
        batch.limitExpectation(it);
      });
    }
  }

  async #send(
    page: readonly ExpectationRecord[],
    messagesEach: number,
    add: (batch: KernelBatch, expectation: ExpectationRecord) => void,
  ): Promise<void> {
    const { kernel, counters, errnoName, mode } = this.#dependencies;
    const batch = this.#batch;
    if (mode() !== 'standby' && (mode() !== 'addOnly' || messagesEach === 1)) return;
    batch.reset();
    for (const expectation of page) add(batch, expectation);
    const errnos = await kernel.execute(batch);
    for (let at = 0; at < errnos.length; at += messagesEach) {
      const errno = errnos[at]!;
      const isSettled = messagesEach === 1 ? errno === Errno.enoent : errno === Errno.eexist;
      if (errno === Errno.none) counters.expectationsInjected += 1;
      else if (!isSettled) countBy(counters.expectationFailures, errnoName(errno));
    }
  }
}

function* pages<T>(list: readonly T[], size: number): IterableIterator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
