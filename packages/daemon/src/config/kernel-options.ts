import { defaulted, optional } from './field.ts';
import { integer, oneOf } from './scalar-fields.ts';

export interface KernelOptions {
  /** Lowers the limit of rule K15 below nf_conntrack_max; null means nf_conntrack_max alone counts. */
  readonly maxEntries: number | null;
  /** Receive buffer for events, in bytes; an event takes about 1280. */
  readonly eventBufferBytes: number;
  /** Whether injected TCP flows are left to the kernel's window check (`strict`) or excused from it. */
  readonly tcpWindowTracking: 'liberal' | 'strict';
}

/** Keys of `kernel`. */
export const kernelFields = {
  maxEntries: optional(
    'Most entries that this node brings into its kernel; without it nf_conntrack_max alone counts.',
    integer(1, 0x7fff_ffff, 'entries'),
  ),
  eventBufferBytes: defaulted(
    'Receive buffer for kernel events; one takes about 1280 bytes, and an overrun costs a comparison of kernel and table.',
    integer(65_536, 0x4000_0000, 'bytes'),
    64 * 1024 * 1024,
  ),
  tcpWindowTracking: defaulted(
    "Whether injected TCP flows are excused from the kernel's window check (`liberal`) or not.",
    oneOf(['liberal', 'strict']),
    'liberal',
  ),
};
