export interface KernelOptions {
  /** Lowers the limit of rule K15 below nf_conntrack_max; null means nf_conntrack_max alone counts. */
  readonly maxEntries: number | null;
  /** Whether injected TCP flows are left to the kernel's window check (`strict`) or excused from it. */
  readonly tcpWindowTracking: 'liberal' | 'strict';
}
