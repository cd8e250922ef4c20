import { FlowAttribute, type FlowFields, FlowRecord } from '@raftwall/flow-table';
import type { Clock } from './ports.ts';

export interface HeldDestroysOptions {
  /** How long such a DESTROY is held; at least three adverts of VRRP. */
  readonly holdMs: number;
  /** Beyond it the oldest are let go, as if their time had come. */
  readonly flowsMax: number;
}

interface Held {
  readonly flow: FlowRecord;
  readonly dueMs: number;
}

const protocolTcp = 6;
// enum tcp_conntrack: FIN_WAIT to CLOSE, the states in which a connection ends by itself.
const tcpClosing = new Set([4, 5, 6, 7, 8]);

/**
 * Rule K6: when an address or an interface goes, the kernel destroys every flow that it had masqueraded there, with time
 * left and long before VRRP says BACKUP. Such an end is believed only if no address is lost meanwhile.
 */
export class HeldDestroys {
  readonly #options: HeldDestroysOptions;
  readonly #clock: Clock;
  readonly #release: (flow: FlowFields) => void;
  readonly #held = new Map<string, Held>();
  #cancelTimer: (() => void) | null = null;

  constructor(
    options: HeldDestroysOptions,
    dependencies: { readonly clock: Clock; readonly release: (flow: FlowFields) => void },
  ) {
    this.#options = options;
    this.#clock = dependencies.clock;
    this.#release = dependencies.release;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Whether a DESTROY is one that a lost address may have caused. */
  isSuspect(flow: FlowFields, portId: number): boolean {
    const hasTimeLeft = (flow.attributes & FlowAttribute.timeout) !== 0 && flow.timeoutSeconds > 0;
    if (portId !== 0 || !hasTimeLeft) return false;
    const isTcp = flow.protocol === protocolTcp && (flow.attributes & FlowAttribute.tcp) !== 0;
    return !(isTcp && tcpClosing.has(flow.tcpState));
  }

  hold(key: string, flow: FlowFields): void {
    if (this.#held.size >= this.#options.flowsMax) this.#releaseOldest();
    const copy = new FlowRecord();
    copy.copyFrom(flow);
    this.#held.set(key, { flow: copy, dueMs: this.#clock.nowMs() + this.#options.holdMs });
    this.#cancelTimer ??= this.#clock.setTimer(this.#options.holdMs, () => this.#releaseDue());
  }

  /** The tuple is in use again: its former life has ended now. */
  settle(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#release(held.flow);
  }

  /** An address was lost, or this node is not active any more: what is held has not ended. */
  drop(): void {
    this.#held.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #releaseOldest(): void {
    for (const key of this.#held.keys()) {
      this.settle(key);
      return;
    }
  }

  #releaseDue(): void {
    this.#cancelTimer = null;
    const nowMs = this.#clock.nowMs();
    for (const [key, held] of this.#held) {
      if (held.dueMs > nowMs) {
        this.#cancelTimer = this.#clock.setTimer(held.dueMs - nowMs, () => this.#releaseDue());
        return;
      }
      this.#held.delete(key);
      this.#release(held.flow);
    }
  }
}
