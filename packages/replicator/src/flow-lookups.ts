import { type FlowFields, FlowRecord } from '@raftwall/flow-table';
import type { FlowKeyProbe } from './flow-key-probe.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type { Kernel } from './ports.ts';

export interface FlowLookupsDependencies {
  readonly kernel: Kernel;
  readonly counters: ReplicatorCounters;
  /** The kernel has the flow, and nothing was said of its end since it was asked for. */
  readonly onFound: (entry: FlowFields) => void;
  /** A batch of look-ups is done: more may be asked for. */
  readonly onDone: () => void;
}

/** Flows that are read from the kernel in batches, because their events do not say enough (rules K3, K4). */
export class FlowLookups {
  readonly #flowsMax: number;
  readonly #dependencies: FlowLookupsDependencies;
  #waiting = new Map<string, FlowRecord>();
  #running = false;

  /** @param options `flowsMax`: flows that may wait; reconcile finds the others. */
  constructor(options: { readonly flowsMax: number }, dependencies: FlowLookupsDependencies) {
    this.#flowsMax = options.flowsMax;
    this.#dependencies = dependencies;
  }

  add(probe: FlowKeyProbe, flow: FlowFields): void {
    if (this.#waiting.size >= this.#flowsMax) {
      this.#dependencies.counters.lookupsDropped += 1;
      return;
    }
    const record = new FlowRecord();
    record.copyFrom(flow);
    this.#waiting.set(probe.text(), record);
  }

  /** The flow has ended: what the look-up that is under way finds is older. */
  forget(probe: FlowKeyProbe): void {
    if (this.#waiting.size > 0) this.#waiting.delete(probe.text());
  }

  /** Forgets everything, look-ups under way too. */
  clear(): void {
    this.#waiting = new Map();
  }

  /** Asks the kernel for what waits. */
  run(): void {
    if (this.#running || this.#waiting.size === 0) return;
    this.#running = true;
    const { kernel, counters, onFound } = this.#dependencies;
    const all = this.#waiting;
    const asked = [...all];
    counters.lookups += asked.length;
    const flows = asked.map(([, flow]) => flow);
    void kernel
      .lookup(flows, 'original', (position, entry) => {
        const [key, flow] = asked[position]!;
        // A DESTROY that came meanwhile has taken the flow out; a later life of the tuple asks for itself.
        if (this.#waiting === all && all.get(key) === flow) onFound(entry);
      })
      .catch(() => undefined)
      .then(() => this.#onAnswered(all, asked));
  }

  #onAnswered(
    all: Map<string, FlowRecord>,
    asked: readonly (readonly [string, FlowRecord])[],
  ): void {
    this.#running = false;
    for (const [key, flow] of asked) if (all.get(key) === flow) all.delete(key);
    this.#dependencies.onDone();
  }
}
