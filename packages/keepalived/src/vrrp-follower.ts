import { EventEmitter } from 'node:events';
import { AddressSet } from './address-set.ts';
import type { KeepalivedMetrics } from './metrics.ts';
import { checkFollowerOptions, type VrrpFollowerOptions } from './options.ts';
import type { VrrpLineSource } from './vrrp-fifo.ts';
import type { VrrpLine, VrrpLineState } from './vrrp-line.ts';

/** What VRRP makes of this node; `UNKNOWN` until a line or an address tells. */
export type VrrpState = VrrpLineState | 'UNKNOWN';

/** What a follower knows at one moment. */
export interface VrrpLevel {
  readonly state: VrrpState;
  /** True from the first sign of MASTER on: the state, any instance of the group, or a virtual
   * address on this node. It may be true while `state` is still BACKUP. */
  readonly mastering: boolean;
}

/** The addresses of this node, all interfaces together. */
export interface AddressSource {
  /** @returns the addresses that the node has now, with or without prefix lengths */
  current(): readonly string[];
  /** @returns a function that ends the subscription */
  onChange(callback: () => void): () => void;
}

/** What {@link VrrpFollower} is given. */
export interface VrrpFollowerDependencies {
  readonly lines: VrrpLineSource;
  /** null where addresses cannot be watched: then the FIFO alone decides. */
  readonly addresses: AddressSource | null;
  readonly metrics?: KeepalivedMetrics | null;
}

/** Events of {@link VrrpFollower}. */
export interface VrrpFollowerEvents {
  change: [level: VrrpLevel, before: VrrpLevel];
}

/**
 * Follows one VRRP group or instance. Lines are hints (keepalived drops them when the FIFO is full,
 * and says nothing at a restart of the reader), so what it offers is a level: the newest line, unless
 * the addresses contradict it for longer than `settleMs`; then the addresses decide (rule A5).
 */
export class VrrpFollower extends EventEmitter<VrrpFollowerEvents> {
  readonly #options: Required<VrrpFollowerOptions>;
  readonly #dependencies: VrrpFollowerDependencies;
  readonly #virtual: AddressSet;
  readonly #masterInstances = new Set<string>();
  readonly #onLine = (line: VrrpLine): void => this.#takeLine(line);
  #said: VrrpLineState | null = null;
  #overruled = false;
  #level: VrrpLevel = { state: 'UNKNOWN', mastering: false };
  #settling: NodeJS.Timeout | null = null;
  #unsubscribe: (() => void) | null = null;

  /** @throws {VrrpOptionsError} If an option is not allowed. */
  constructor(options: VrrpFollowerOptions, dependencies: VrrpFollowerDependencies) {
    super();
    this.#options = checkFollowerOptions(options);
    this.#dependencies = dependencies;
    this.#virtual = new AddressSet(this.#options.virtualAddresses);
  }

  get state(): VrrpState {
    return this.#level.state;
  }

  get mastering(): boolean {
    return this.#level.mastering;
  }

  /** Begins to follow; the level that the addresses tell is there when it returns. */
  start(): void {
    if (this.#unsubscribe !== null) return;
    this.#dependencies.lines.on('line', this.#onLine);
    const update = (): void => this.#update();
    this.#unsubscribe = this.#dependencies.addresses?.onChange(update) ?? (() => undefined);
    this.#update();
  }

  /** Stops following; the level stays what it was. */
  stop(): void {
    this.#dependencies.lines.off('line', this.#onLine);
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#stopSettling();
  }

  #takeLine(line: VrrpLine): void {
    const { instance } = this.#options;
    if ('instance' in instance) {
      if (line.subject !== 'INSTANCE' || line.name !== instance.instance) return;
      this.#said = line.state;
    } else if (line.subject === 'GROUP') {
      if (line.name !== instance.group) return;
      this.#said = line.state;
      if (line.state !== 'MASTER') this.#masterInstances.clear();
    } else {
      if (instance.instances?.includes(line.name) === false) return;
      if (line.state === 'MASTER') this.#masterInstances.add(line.name);
      else this.#masterInstances.delete(line.name);
    }
    // A line is news: what the addresses said against an older one is void.
    this.#overruled = false;
    this.#stopSettling();
    this.#update();
  }

  #update(): void {
    const present = this.#addressPresent();
    const contradicted =
      present !== null && this.#said !== null && present !== (this.#said === 'MASTER');
    if (!contradicted) {
      this.#overruled = false;
      this.#stopSettling();
    } else if (!this.#overruled) this.#settle();
    const state = this.#decide(present);
    const mastering = state === 'MASTER' || present === true || this.#masterInstances.size > 0;
    this.#move({ state, mastering });
  }

  #decide(present: boolean | null): VrrpState {
    if (this.#said === null) {
      if (present === null) return 'UNKNOWN';
      return present ? 'MASTER' : 'BACKUP';
    }
    if (!this.#overruled) return this.#said;
    return present === true ? 'MASTER' : 'BACKUP';
  }

  /** @returns null if there is nothing to go by */
  #addressPresent(): boolean | null {
    const { addresses } = this.#dependencies;
    if (addresses === null || this.#virtual.size === 0) return null;
    return this.#virtual.hasAny(addresses.current());
  }

  #settle(): void {
    if (this.#settling !== null) return;
    this.#settling = setTimeout(() => {
      this.#settling = null;
      this.#overruled = true;
      // Lines of instances are as stale as that of the group.
      this.#masterInstances.clear();
      this.#dependencies.metrics?.contradictionsTotal.inc();
      this.#update();
    }, this.#options.settleMs);
  }

  #stopSettling(): void {
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = null;
  }

  #move(level: VrrpLevel): void {
    const before = this.#level;
    if (level.state === before.state && level.mastering === before.mastering) return;
    this.#level = level;
    this.emit('change', level, before);
  }
}
