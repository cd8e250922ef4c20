import { BlockList, isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import {
  KeepalivedConfigError,
  type KeepalivedGroup,
  keepalivedConfig,
  type PlacedAddress,
} from '@raftwall/keepalived';
import type { DaemonConfig, TrafficGroupOptions } from './config/options.ts';

/** Interfaces and their addresses, as `os.networkInterfaces()` tells them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const advertIntervalMsDefault = 300;
const firstRouterId = 51;

/**
 * keepalived's configuration for this node: what the configuration file says, and where on this machine the networks of the
 * virtual addresses are.
 *
 * @throws {KeepalivedConfigError} If there is no `vrrp`, or a virtual address belongs to no network or group.
 */
export function keepalivedFile(config: DaemonConfig, interfaces: Interfaces): string {
  const { vrrp, cluster, node } = config;
  if (vrrp === null) throw new KeepalivedConfigError('the configuration has no section vrrp');
  const index = cluster.members.findIndex(({ id }) => id === node.id) + 1;
  const placed = cluster.virtualAddresses.map((address) => placeOf(address, interfaces));
  const text = keepalivedConfig({
    ...{ mode: vrrp.mode, fifo: vrrp.fifo, firstRouterId },
    advertIntervalMs: vrrp.advertIntervalMs ?? advertIntervalMsDefault,
    index: index > 0 ? index : cluster.members.length + 1,
    groups: vrrp.groups.map((group) => groupOf(group, placed)),
  });
  return `# keepalived for member ${node.id} of cluster ${cluster.name}, vrrp.mode ${vrrp.mode}\n${text}`;
}

/** With several groups, each has the addresses in its prefixes. */
function groupOf(
  { instance, trackFile, select }: TrafficGroupOptions,
  placed: readonly PlacedAddress[],
): KeepalivedGroup {
  const own = new BlockList();
  for (const prefix of select?.prefixes ?? []) {
    const [network = '', length = ''] = prefix.split('/');
    own.addSubnet(network, Number(length), familyOf(network));
  }
  const addresses =
    select === null
      ? placed
      : placed.filter(({ address }) => own.check(address, familyOf(address)));
  return { ...instance, trackFile, addresses };
}

/** The interface whose network the address is in. */
function placeOf(address: string, interfaces: Interfaces): PlacedAddress {
  for (const [device, infos] of Object.entries(interfaces)) {
    for (const { cidr, internal, address: own } of infos ?? []) {
      if (cidr === null || internal || isIP(own) !== isIP(address)) continue;
      const prefixLength = Number(cidr.split('/')[1]);
      const network = new BlockList();
      network.addSubnet(own, prefixLength, familyOf(own));
      if (network.check(address, familyOf(address))) return { address, prefixLength, device };
    }
  }
  throw new KeepalivedConfigError(
    `no interface of this machine has a network with ${address}: give one an address beside it first`,
  );
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
