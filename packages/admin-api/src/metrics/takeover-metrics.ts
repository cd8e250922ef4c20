import type { AdminPort, NodeEvent, NodeStatus } from '@raftwall/replicator';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { DURATION_SECONDS } from './described-metrics.ts';

type VrrpState = NonNullable<NodeStatus['vrrp']>['state'];

const VRRP_STATES: readonly VrrpState[] = ['MASTER', 'BACKUP', 'FAULT', 'STOP', 'UNKNOWN'];

/** What happens when the traffic moves to another node, and what VRRP says. */
export class TakeoverMetrics {
  readonly #node: Pick<AdminPort, 'status'>;
  readonly #nowMs: () => number;
  readonly #failovers: Counter;
  readonly #seconds: Histogram;
  #active: string | null;
  #masterSinceMs: number | null = null;

  /** @param nowMs A monotonic clock. */
  constructor(
    registry: Registry,
    node: Pick<AdminPort, 'status' | 'onEvent'>,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#node = node;
    this.#nowMs = nowMs;
    this.#active = node.status().active;
    this.#failovers = new Counter({
      name: 'raftwall_failovers_total',
      help: 'Times that another node than before became the active node of the first traffic group',
      registers: [registry],
    });
    this.#seconds = new Histogram({
      name: 'raftwall_takeover_seconds',
      help: 'From VRRP naming this node MASTER until its activation was applied here',
      buckets: [...DURATION_SECONDS],
      registers: [registry],
    });
    registerVrrpState(registry, node);
    node.onEvent((event) => this.#onEvent(event));
  }

  #onEvent({ kind, details }: NodeEvent): void {
    if (kind === 'vrrp') this.#onVrrp(details['state'] === 'MASTER');
    else if (kind === 'activation') this.#onActivation();
  }

  #onVrrp(isMaster: boolean): void {
    if (!isMaster) this.#masterSinceMs = null;
    else this.#masterSinceMs ??= this.#nowMs();
  }

  /** Of releases too: then nobody is active, and the next one decides whether the traffic has moved. */
  #onActivation(): void {
    const { active, node } = this.#node.status();
    if (active === null) return;
    if (this.#active !== null && this.#active !== active) this.#failovers.inc();
    this.#active = active;
    if (active !== node || this.#masterSinceMs === null) return;
    this.#seconds.observe((this.#nowMs() - this.#masterSinceMs) / 1000);
    this.#masterSinceMs = null;
  }
}

function registerVrrpState(registry: Registry, node: Pick<AdminPort, 'status'>): void {
  new Gauge({
    name: 'raftwall_vrrp_state',
    help: '1 for the state that VRRP is in on this node, 0 for the others; nothing without VRRP',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.reset();
      const { vrrp } = node.status();
      if (vrrp === null) return;
      for (const state of VRRP_STATES) this.set({ state }, Number(state === vrrp.state));
    },
  });
}
