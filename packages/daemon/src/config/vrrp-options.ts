import { defaulted, list, mapping, optional, required } from './field.ts';
import { ipAddress, ipPrefix } from './net-fields.ts';
import { absolutePath, identifier, integer, oneOf, vrrpName } from './scalar-fields.ts';

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
  /** Those of `cluster.virtualAddresses` that move with it; all of them when there is only one group. */
  readonly virtualAddresses: readonly string[];
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

/** keepalived's files live in a directory that outlives the daemon: its inotify watch is on the directory. */
const KEEPALIVED_DIR = '/var/lib/raftwall/keepalived';

const instanceFields = {
  group: optional('Name of a `vrrp_sync_group`.', vrrpName),
  instance: optional('Name of a `vrrp_instance`.', vrrpName),
};

const selectFields = {
  zones: defaulted('Conntrack zones.', list(integer(0, 65_535), { min: 0, max: 65_536 }), []),
  prefixes: defaulted(
    'Prefixes that either tuple of a flow touches.',
    list(ipPrefix, { min: 0, max: 1024 }),
    [],
  ),
};

/** Keys of `vrrp.groups[]`. */
const groupFields = {
  name: required('Name of the traffic group, equal on all members.', identifier),
  instance: required('What keepalived calls it; exactly one of the two.', mapping(instanceFields)),
  trackFile: required('File by which keepalived learns "ready" for this group.', absolutePath()),
  select: optional(
    'Which flows belong to it; needed when there are several groups.',
    mapping(selectFields),
  ),
  virtualAddresses: optional(
    'Which of `cluster.virtualAddresses` move with it; unless set those that its prefixes have.',
    list(ipAddress, { min: 0, max: 1024 }),
  ),
};

/** Keys of `vrrp`. */
export const vrrpFields = {
  mode: defaulted(
    'Who decides: `follow` VRRP does, `lead` the address follows the Raft leader, `strict` only a leader with a live quorum may hold it.',
    oneOf(['follow', 'lead', 'strict']),
    'follow',
  ),
  instance: optional(
    'What moves: a sync group or an instance; exactly one of the two. Instead of `groups`.',
    mapping(instanceFields),
  ),
  fifo: defaulted(
    "keepalived's `vrrp_notify_fifo`, in a directory that outlives the daemon.",
    absolutePath(),
    `${KEEPALIVED_DIR}/fifo`,
  ),
  trackFile: optional(
    `File by which keepalived learns "ready"; ${KEEPALIVED_DIR}/ready unless set. Not with \`groups\`.`,
    absolutePath(),
  ),
  advertIntervalMs: optional(
    "keepalived's `advert_int`, for start-up checks of the timers.",
    integer(10, 40_950_000, 'milliseconds'),
  ),
  groups: optional(
    'Several traffic groups, instead of `instance` and `trackFile`.',
    list(mapping(groupFields), { min: 1, max: 64 }),
  ),
};

/** Track file of the only group unless set. */
export const DEFAULT_TRACK_FILE = `${KEEPALIVED_DIR}/ready`;
