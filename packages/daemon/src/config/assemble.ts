import { type ClusterOptions, TIMING_PROFILES } from './cluster-options.ts';
import type { DraftConfig, DraftVrrp } from './draft.ts';
import { groupOfAddress } from './group-addresses.ts';
import { type Endpoint, endpointOf } from './net-fields.ts';
import type { DaemonConfig } from './options.ts';
import {
  DEFAULT_TRACK_FILE,
  type TrafficGroupOptions,
  type VrrpInstanceOption,
  type VrrpOptions,
} from './vrrp-options.ts';

/** A draft in which every key is present, in every depth. */
type Complete<T> = T extends readonly (infer E)[]
  ? readonly Complete<E>[]
  : T extends object
    ? { [K in keyof T]-?: Complete<Exclude<T[K], undefined>> }
    : T;

/** @param draft Without faults, so that no key is missing. */
export function assemble(draft: DraftConfig): DaemonConfig {
  const { cluster, node, vrrp, ...rest } = draft as Complete<DraftConfig>;
  const timing = TIMING_PROFILES[cluster.timing];
  const listen = node.listen ?? defaultListen(node.id, cluster.members);
  return deepFreeze({
    ...rest,
    cluster: { ...cluster, timing },
    node: { ...node, listen },
    vrrp: vrrp === null ? null : assembleVrrp(vrrp, cluster.virtualAddresses),
  });
}

function defaultListen(id: string, members: ClusterOptions['members']): Endpoint {
  const own = members.find((member) => member.id === id);
  const first = members[0]?.address;
  if (first === undefined) throw new TypeError('A valid configuration has a first member');
  return own?.address ?? endpointOf(first.host.includes(':') ? '::' : '0.0.0.0', first.port);
}

function assembleVrrp(vrrp: Complete<DraftVrrp>, addresses: readonly string[]): VrrpOptions {
  const { mode, fifo, advertIntervalMs } = vrrp;
  const groups = vrrp.groups?.map((group, index, all) => ({
    ...assembleGroup(group),
    virtualAddresses:
      all.length === 1 ? addresses : addresses.filter((it) => groupOfAddress(all, it) === index),
  }));
  return { mode, fifo, advertIntervalMs, groups: groups ?? [onlyGroup(vrrp, addresses)] };
}

function onlyGroup(
  { instance, trackFile }: Complete<DraftVrrp>,
  virtualAddresses: readonly string[],
): TrafficGroupOptions {
  if (instance === null) throw new TypeError('A valid vrrp section names what moves');
  return {
    name: 'default',
    instance: assembleInstance(instance),
    trackFile: trackFile ?? DEFAULT_TRACK_FILE,
    select: null,
    virtualAddresses,
  };
}

type DraftGroup = NonNullable<Complete<DraftVrrp>['groups']>[number];

function assembleGroup(group: DraftGroup): Omit<TrafficGroupOptions, 'virtualAddresses'> {
  const { name, trackFile, select } = group;
  return { name, trackFile, select, instance: assembleInstance(group.instance) };
}

function assembleInstance(instance: DraftGroup['instance']): VrrpInstanceOption {
  if (instance.group !== null) return { kind: 'GROUP', name: instance.group };
  if (instance.instance !== null) return { kind: 'INSTANCE', name: instance.instance };
  throw new TypeError('A valid instance names a group or an instance');
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}
