import {
  type ExpectationFields,
  ExpectationRecord,
  expectationKey,
  type FlowKeyFields,
  type OperationWriter,
} from '@raftwall/flow-table';
import { FlowKeyProbe } from './flow-key-probe.ts';
import type { ReplicatorCounters } from './metrics.ts';

export interface ExpectationCaptureDependencies {
  readonly counters: ReplicatorCounters;
  /** Whether the flow is in the table, or on its way there. */
  readonly isKnown: (master: FlowKeyFields) => boolean;
}

interface Pending {
  readonly record: ExpectationRecord;
  readonly isGone: boolean;
}

/**
 * What helpers expect on the active node, until it is proposed in the next batch behind the flows of its window. What a
 * flow expects that is not replicated waits here until the flow is, or the expectation ends.
 */
export class ExpectationCapture {
  readonly #options: { readonly expectationsMax: number };
  readonly #dependencies: ExpectationCaptureDependencies;
  readonly #probe = new FlowKeyProbe();
  /** To be proposed. */
  readonly #ready = new Map<string, Pending>();
  /** By the key of the flow that they wait for. */
  readonly #waiting = new Map<string, Map<string, Pending>>();
  #waitingCount = 0;

  constructor(
    options: { readonly expectationsMax: number },
    dependencies: ExpectationCaptureDependencies,
  ) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Expectations that can be proposed. */
  get ready(): number {
    return this.#ready.size;
  }

  /** Expectations whose flow is not replicated yet. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /** A helper expects something. */
  made(expectation: ExpectationFields): void {
    const key = expectationKey(expectation);
    const isKnown = this.#dependencies.isKnown(expectation.master);
    if (!this.#ready.has(key) && this.ready + this.waiting >= this.#options.expectationsMax) {
      this.#dependencies.counters.expectationsDropped += 1;
      return;
    }
    const pending = { record: new ExpectationRecord().copyFrom(expectation), isGone: false };
    if (isKnown) this.#ready.set(key, pending);
    else this.#wait(key, pending);
  }

  /** It has come, or is not expected any more. */
  gone(expectation: ExpectationFields): void {
    const key = expectationKey(expectation);
    this.#waitNoMore(key, expectation.master);
    // It goes with its flow, and nobody has heard of it if nobody has heard of the flow.
    if (!this.#dependencies.isKnown(expectation.master)) this.#ready.delete(key);
    else {
      const record = new ExpectationRecord().copyFrom(expectation);
      this.#ready.set(key, { record, isGone: true });
    }
  }

  /** This flow is on its way into the table. */
  admit(flowKey: string): void {
    const pending = this.#waiting.get(flowKey);
    if (pending === undefined) return;
    this.#waiting.delete(flowKey);
    this.#waitingCount -= pending.size;
    for (const [key, it] of pending) this.#ready.set(key, it);
  }

  /** Writes what can be proposed and forgets it; what has lost its flow meanwhile has gone with it. */
  writeTo(writer: OperationWriter): void {
    for (const { record, isGone } of this.#ready.values()) {
      if (!this.#dependencies.isKnown(record.master)) continue;
      if (isGone) writer.unexpect(record);
      else writer.expect(record);
      this.#dependencies.counters.expectationsProposed += 1;
    }
    this.#ready.clear();
  }

  clear(): void {
    this.#ready.clear();
    this.#waiting.clear();
    this.#waitingCount = 0;
  }

  #wait(key: string, pending: Pending): void {
    const flowKey = this.#probe.set(pending.record.master).text();
    const siblings = this.#waiting.get(flowKey) ?? new Map<string, Pending>();
    if (!siblings.has(key)) this.#waitingCount += 1;
    siblings.set(key, pending);
    this.#waiting.set(flowKey, siblings);
  }

  #waitNoMore(key: string, master: FlowKeyFields): void {
    if (this.#waitingCount === 0) return;
    const flowKey = this.#probe.set(master).text();
    const siblings = this.#waiting.get(flowKey);
    if (siblings?.delete(key) !== true) return;
    this.#waitingCount -= 1;
    if (siblings.size === 0) this.#waiting.delete(flowKey);
  }
}
