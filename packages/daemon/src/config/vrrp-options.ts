/** Who decides where the virtual address is (design, section 7). */
export type VrrpMode = 'follow' | 'lead' | 'strict';

/** What keepalived calls the thing that moves: a `vrrp_sync_group` or a `vrrp_instance`. */
export interface VrrpInstanceOption {
  /** The word that keepalived writes into its notify FIFO. */
  readonly kind: 'GROUP' | 'INSTANCE';
  readonly name: string;
}

/** Which flows belong to a traffic group (rule A6); a flow matches if any zone or any prefix does. */
export interface GroupSelector {
  readonly zones: readonly number[];
  /** CIDR prefixes that either tuple touches; canonical text. */
  readonly prefixes: readonly string[];
}

/** What moves as one between nodes. */
export interface TrafficGroupOptions {
  /** `default` when the configuration names no groups. */
  readonly name: string;
  readonly instance: VrrpInstanceOption;
  /** Absolute path of the file by which keepalived learns "ready". */
  readonly trackFile: string;
  /** Null when there is only one group: everything in the domain belongs to it. */
  readonly select: GroupSelector | null;
}

export interface VrrpOptions {
  readonly mode: VrrpMode;
  /** Absolute path of keepalived's `vrrp_notify_fifo`. */
  readonly fifo: string;
  /** keepalived's `advert_int`, if it is told here, for the checks of rules V7 and K6. */
  readonly advertIntervalMs: number | null;
  /** At least one. */
  readonly groups: readonly TrafficGroupOptions[];
}
