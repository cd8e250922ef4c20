import { type ConntrackSetting, type ConntrackSysctls, SysctlError } from '@raftwall/netlink';

/** How long this kernel keeps flows without packets, as far as replication depends on it (rule K14). */
export interface KernelTimeouts {
  /** nf_conntrack_tcp_timeout_established, in seconds. */
  readonly tcpEstablishedSeconds: number;
  /** The shortest timeout whose renewal emits no event, in seconds: the active node must dump well within it. */
  readonly shortestSeconds: number;
}

/** Timeouts of protocols whose packets renew them in silence. */
const silent: readonly ConntrackSetting[] = [
  'nf_conntrack_udp_timeout',
  'nf_conntrack_udp_timeout_stream',
  'nf_conntrack_icmp_timeout',
  'nf_conntrack_icmpv6_timeout',
  'nf_conntrack_gre_timeout_stream',
];

/** Reads them. @throws {SysctlError} If connection tracking is not there. */
export function readKernelTimeouts(sysctls: ConntrackSysctls): KernelTimeouts {
  return {
    tcpEstablishedSeconds: sysctls.read('nf_conntrack_tcp_timeout_established'),
    shortestSeconds: Math.min(...silent.flatMap((setting) => readIfThere(sysctls, setting))),
  };
}

function readIfThere(sysctls: ConntrackSysctls, setting: ConntrackSetting): number[] {
  try {
    return [sysctls.read(setting)];
  } catch (error) {
    // A protocol that this kernel was built without.
    if (error instanceof SysctlError && error.code === 'NETLINK_SYSCTL_MISSING') return [];
    throw error;
  }
}
