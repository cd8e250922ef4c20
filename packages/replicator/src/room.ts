import type { FlowFields } from '@raftwall/flow-table';
import type { ReplicatorCounters } from './metrics.ts';
import type { RoomOptions } from './options.ts';
import type { Kernel } from './ports.ts';

// IPS_ASSURED of nf_conntrack_common.h.
const assured = 1 << 2;

/**
 * Rule K15: a kernel that is nearly full gets no more flows, since each create over its limit evicts another one. A node
 * that had to leave flows out is not fit to take over until a comparison has found room for all.
 */
export class Room {
  readonly #options: RoomOptions;
  readonly #kernel: Kernel;
  readonly #counters: ReplicatorCounters;
  #entries = 0;
  #entriesMax = Number.POSITIVE_INFINITY;
  #isShort = false;
  #refusedInRound = false;

  constructor(
    options: RoomOptions,
    dependencies: { readonly kernel: Kernel; readonly counters: ReplicatorCounters },
  ) {
    this.#options = options;
    this.#kernel = dependencies.kernel;
    this.#counters = dependencies.counters;
  }

  /** The effective limit; infinite if there is none. */
  get entriesMax(): number {
    const { entriesMax } = this.#options;
    return Math.min(this.#kernel.countMax() || Number.POSITIVE_INFINITY, entriesMax ?? Infinity);
  }

  /** Looks how full the kernel is; before each batch of creates. */
  measure(): void {
    this.#entries = this.#kernel.count();
    this.#entriesMax = this.entriesMax;
  }

  /** Takes the place of one flow; false if there is none. */
  take(flow: FlowFields): boolean {
    const { createShare, assuredShare } = this.#options;
    const share = flow.status & assured ? assuredShare : createShare;
    if (this.#entries < Math.floor(this.#entriesMax * share)) {
      this.#entries += 1;
      return true;
    }
    this.#counters.noRoom += 1;
    this.#isShort = true;
    this.#refusedInRound = true;
    return false;
  }

  /** A comparison of kernel and table begins: what it finds missing is created if there is room. */
  beginRound(): void {
    this.#refusedInRound = false;
  }

  /** What the comparison found missing has been created or refused. */
  endRound(): void {
    if (!this.#refusedInRound) this.#isShort = false;
  }

  /** Flows were left out, and some of them would have room now. */
  get hasRoomAgain(): boolean {
    if (!this.#isShort) return false;
    return this.#kernel.count() < Math.floor(this.entriesMax * this.#options.createShare);
  }

  /** What is wrong, in words, or null. */
  get shortage(): string | null {
    if (!this.#isShort) return null;
    const { entriesMax } = this.#options;
    const limit = this.entriesMax;
    const name = entriesMax === limit ? 'kernel.maxEntries' : 'nf_conntrack_max';
    return (
      `the kernel has no room for all flows: ${this.#kernel.count()} entries, ` +
      `${name} is ${limit}, and flows are created up to ${this.#options.createShare * 100} % of it`
    );
  }
}
