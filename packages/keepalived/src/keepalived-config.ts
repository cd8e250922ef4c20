import { isIP } from 'node:net';

/** `vrrp.mode` of raftwalld. */
export type KeepalivedMode = 'follow' | 'lead' | 'strict';

/** A virtual address and where it belongs on this machine. */
export interface PlacedAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly device: string;
}

/** What moves as one: a sync group over several instances, or one instance. */
export interface KeepalivedGroup {
  readonly kind: 'GROUP' | 'INSTANCE';
  readonly name: string;
  /** Absolute path of the file that raftwalld writes. */
  readonly trackFile: string;
  readonly addresses: readonly PlacedAddress[];
}

export interface KeepalivedConfigOptions {
  readonly mode: KeepalivedMode;
  readonly groups: readonly KeepalivedGroup[];
  readonly fifo: string;
  /** Time between two adverts, in milliseconds. */
  readonly advertIntervalMs: number;
  /** Number of this node among the members, from 1: in `strict` it decides the priority. */
  readonly index: number;
  /** Of the first instance; the others count up. All nodes need the same. */
  readonly firstRouterId: number;
}

/** Thrown when no configuration can be made; the message names what does not fit. */
export class KeepalivedConfigError extends Error {
  readonly code = 'RAFTWALL_KEEPALIVED_CONFIG';

  constructor(message: string) {
    super(message);
    this.name = 'KeepalivedConfigError';
  }
}

interface Instance {
  readonly name: string;
  readonly device: string;
  readonly isIPv6: boolean;
  readonly routerId: number;
  readonly addresses: readonly PlacedAddress[];
}

const basePriority = 100;
const strictPriorityMax = 254;
const weight = 20;
const signOfLifeSeconds = 3;
const routerIdMax = 255;

/**
 * keepalived's configuration for a node, one statement a line: keepalived 2.2 ignores what follows a brace.
 *
 * @throws {KeepalivedConfigError} If the addresses of a group cannot be one instance, or there are too many instances.
 */
export function keepalivedConfig(options: KeepalivedConfigOptions): string {
  let routerId = options.firstRouterId;
  const groups = options.groups.map((group) => {
    const instances = instancesOf(group, routerId);
    routerId += instances.length;
    return { group, instances };
  });
  if (routerId - 1 > routerIdMax) {
    throw new KeepalivedConfigError(`virtual router ids end at ${routerIdMax}`);
  }
  const lines = [
    ...block('global_defs', [
      'vrrp_version 3',
      `vrrp_notify_fifo ${options.fifo}`,
      'script_user root',
      'enable_script_security',
    ]),
    ...groups.flatMap(({ group, instances }, i) =>
      groupLines(options, group, instances, `ready${i === 0 ? '' : i + 1}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** One instance for each device and address family, in the order of the addresses. */
function instancesOf(group: KeepalivedGroup, firstRouterId: number): readonly Instance[] {
  const byPlace = new Map<string, PlacedAddress[]>();
  for (const address of group.addresses) {
    const place = `${address.device} ${isIP(address.address)}`;
    byPlace.set(place, [...(byPlace.get(place) ?? []), address]);
  }
  if (byPlace.size === 0) throw new KeepalivedConfigError(`${group.name} has no virtual address`);
  if (group.kind === 'INSTANCE' && byPlace.size > 1) {
    const places = [...byPlace.keys()].join(', ');
    throw new KeepalivedConfigError(
      `${group.name} is one instance, but its addresses are on ${places}: name a sync group instead`,
    );
  }
  return [...byPlace.values()].map((addresses, i) => {
    const [{ device, address }] = addresses as [PlacedAddress];
    const isIPv6 = isIP(address) === 6;
    const name =
      group.kind === 'INSTANCE' ? group.name : `${group.name}_${device}${isIPv6 ? '_6' : ''}`;
    return { name, device, isIPv6, routerId: firstRouterId + i, addresses };
  });
}

function groupLines(
  options: KeepalivedConfigOptions,
  group: KeepalivedGroup,
  instances: readonly Instance[],
  track: string,
): readonly string[] {
  const isStrict = options.mode === 'strict';
  const tracking = [...block('track_file', [track]), ...block('track_script', [`alive_${track}`])];
  const own = group.kind === 'INSTANCE' ? tracking : [];
  return [
    '',
    ...block(`track_file ${track}`, [
      `file "${group.trackFile}"`,
      isStrict ? 'weight 0 reverse' : `weight ${weight}`,
    ]),
    '',
    // The file's age is the daemon's sign of life: neither old, nor of the future after the clock was set back.
    ...block(`vrrp_script alive_${track}`, [
      `script "/bin/sh -c 'find ${group.trackFile} -newermt -${signOfLifeSeconds}seconds ! -newermt +${signOfLifeSeconds}seconds | grep -q .'"`,
      'interval 1',
      'fall 3',
      ...(isStrict ? [] : [`weight ${weight}`]),
    ]),
    ...(group.kind === 'INSTANCE'
      ? []
      : ['', ...syncGroupLines(group, instances, tracking, isStrict)]),
    ...instances.flatMap((instance) => ['', ...instanceLines(options, instance, own)]),
  ];
}

function syncGroupLines(
  group: KeepalivedGroup,
  instances: readonly Instance[],
  tracking: readonly string[],
  isStrict: boolean,
): readonly string[] {
  return block(`vrrp_sync_group ${group.name}`, [
    ...block(
      'group',
      instances.map(({ name }) => name),
    ),
    ...(isStrict ? [] : ['sync_group_tracking_weight']),
    ...tracking,
  ]);
}

function instanceLines(
  { mode, index, advertIntervalMs }: KeepalivedConfigOptions,
  instance: Instance,
  tracking: readonly string[],
): readonly string[] {
  const isStrict = mode === 'strict';
  return block(`vrrp_instance ${instance.name}`, [
    'state BACKUP',
    `interface ${instance.device}`,
    `virtual_router_id ${instance.routerId}`,
    `priority ${isStrict ? strictPriorityMax - index : basePriority}`,
    ...(isStrict ? ['nopreempt'] : []),
    `advert_int ${advertIntervalMs / 1000}`,
    ...(instance.isIPv6 ? ['native_ipv6'] : []),
    ...tracking,
    ...block(
      'virtual_ipaddress',
      instance.addresses.map((it) => `${it.address}/${it.prefixLength} dev ${it.device}`),
    ),
  ]);
}

function block(head: string, body: readonly string[]): readonly string[] {
  return [`${head} {`, ...body.map((line) => `  ${line}`), '}'];
}
