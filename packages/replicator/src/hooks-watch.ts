import { type FlowFields, FlowRecord } from '@raftwall/flow-table';
import { AddressFamily } from './address.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { HooksOptions } from './options.ts';
import type { Clock, Kernel, KernelHooks, Logger } from './ports.ts';

/** What the watch reads of the replicated table. */
interface WatchedTable {
  has(slot: number): boolean;
  read(slot: number, into: FlowFields): void;
  forEachPage(cursor: number, limit: number, visit: (slot: number) => void): number;
}

export interface HooksWatchDependencies {
  readonly kernel: Kernel;
  readonly table: WatchedTable;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
}

// IPS_SRC_NAT and IPS_DST_NAT of nf_conntrack_common.h.
const translated = (1 << 4) | (1 << 5);
/** Rows looked through at a time for an example of what is in the table. */
const pageRows = 2_000;

/** An example of flows of one kind: the slot of one, by which it is soon seen that there still is one. */
interface Example {
  readonly name: string;
  readonly matches: (flow: FlowFields) => boolean;
  /** What the kernel must do for such flows; null: it cannot, the family is switched off. */
  readonly isServed: (hooks: KernelHooks) => boolean | null;
  readonly lack: string;
  slot: number;
}

/**
 * Rule K15: entries are worth nothing in a kernel that tracks or translates no packets, as after `nft flush ruleset`,
 * which keeps the entries and says nothing. What the table's flows need must be there.
 */
export class HooksWatch {
  readonly #options: HooksOptions;
  readonly #dependencies: HooksWatchDependencies;
  readonly #flow = new FlowRecord();
  readonly #examples = [AddressFamily.ipv4, AddressFamily.ipv6].flatMap(examplesOf);
  #cursor = 0;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #hooks: KernelHooks | null = null;

  constructor(options: HooksOptions, dependencies: HooksWatchDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Looks if it is time. */
  check(): void {
    const { kernel, clock, logger, counters } = this.#dependencies;
    if (clock.nowMs() - this.#lookedAtMs < this.#options.intervalMs) return;
    this.#lookedAtMs = clock.nowMs();
    const before = this.lack;
    try {
      this.#hooks = kernel.hooks();
    } catch (error) {
      countBy(counters.retries, 'hooks');
      logger.warn({ err: error }, 'it cannot be seen whether the kernel tracks connections');
      return;
    }
    this.#findExamples();
    const now = this.lack;
    if (now !== null && now !== before) logger.warn({}, now);
  }

  /** What the kernel lacks for the flows of the table, in words, or null. */
  get lack(): string | null {
    const hooks = this.#hooks;
    if (hooks === null) return null;
    const lacking = this.#examples.find((it) => it.slot >= 0 && it.isServed(hooks) !== true);
    return lacking === undefined
      ? null
      : `the table has ${lacking.name} flows and ${lacking.lack}; is the ruleset loaded?`;
  }

  #findExamples(): void {
    const { table } = this.#dependencies;
    for (const example of this.#examples) {
      if (example.slot >= 0 && !this.#isExample(example, example.slot)) example.slot = -1;
    }
    if (this.#examples.every(({ slot }) => slot >= 0)) return;
    const next = table.forEachPage(this.#cursor, pageRows, (slot) => this.#offer(slot));
    this.#cursor = Math.max(0, next);
  }

  #offer(slot: number): void {
    this.#dependencies.table.read(slot, this.#flow);
    for (const example of this.#examples) {
      if (example.slot < 0 && example.matches(this.#flow)) example.slot = slot;
    }
  }

  #isExample(example: Example, slot: number): boolean {
    const { table } = this.#dependencies;
    if (!table.has(slot)) return false;
    table.read(slot, this.#flow);
    return example.matches(this.#flow);
  }
}

function examplesOf(family: number): Example[] {
  const name = family === AddressFamily.ipv4 ? 'ipv4' : 'ipv6';
  const label = name === 'ipv4' ? 'IPv4' : 'IPv6';
  return [
    {
      name: label,
      matches: (flow) => flow.family === family,
      isServed: (hooks) => hooks[name].tracks,
      lack: `the kernel tracks no ${label} connections`,
      slot: -1,
    },
    {
      name: `translated ${label}`,
      matches: (flow) => flow.family === family && (flow.status & translated) !== 0,
      isServed: (hooks) => hooks[name].translates,
      lack: `there is no NAT chain for ${label}`,
      slot: -1,
    },
  ];
}
