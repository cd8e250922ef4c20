import { readFileSync } from 'node:fs';
import { NETLINK_NETFILTER } from './netlink-protocol.ts';
import { NetlinkSocket } from './netlink-socket.ts';

/**
 * Identity of a conntrack table: it changes with every boot and every network namespace, and an entry seen in one
 * incarnation says nothing about another. 48 hexadecimal digits: boot id (32), namespace cookie (16).
 *
 * @throws {NetlinkError} If the namespace cannot be entered or the kernel is older than 5.14 (no SO_NETNS_COOKIE).
 */
export function kernelIncarnation(options: { namespace?: string } = {}): string {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, namespace: options.namespace });
  try {
    const cookie = socket.namespaceCookie().toString(16).padStart(16, '0');
    return bootId.replaceAll('-', '') + cookie;
  } finally {
    socket.close();
  }
}
