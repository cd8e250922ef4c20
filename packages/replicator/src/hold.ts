import type { FlowFields } from '@raftwall/flow-table';
import type { ApplierOptions } from './options.ts';

// enum tcp_conntrack: the only state whose timeout is its own on a standby too.
const tcpEstablished = 3;
const protocolTcp = 6;
// IPS_FIXED_TIMEOUT of nf_conntrack_common.h.
const fixedTimeout = 1 << 10;

/** Rule K14: how long a standby, which sees no packets of a flow, keeps it in its kernel. */
export class Hold {
  readonly #options: Pick<ApplierOptions, 'holdSeconds' | 'tcpEstablishedSeconds'>;

  constructor(options: Pick<ApplierOptions, 'holdSeconds' | 'tcpEstablishedSeconds'>) {
    this.#options = options;
  }

  /** Timeout with which a standby injects the flow: the protocol's own for ESTABLISHED TCP, else longer than it has left. */
  timeoutSeconds(flow: FlowFields): number {
    const { tcpEstablishedSeconds, holdSeconds } = this.#options;
    return isEstablishedTcp(flow) ? tcpEstablishedSeconds : flow.timeoutSeconds + holdSeconds;
  }

  /** A hold that ran down, or was undone by a packet, is due to be restored. */
  isDue(row: FlowFields, entry: FlowFields): boolean {
    const wanted = Math.min(this.timeoutSeconds(row), this.#options.holdSeconds);
    return entry.timeoutSeconds < wanted / 2;
  }

  /** The kernel lets nobody change the life of this entry. */
  isFixed(entry: FlowFields): boolean {
    return (entry.status & fixedTimeout) !== 0;
  }
}

function isEstablishedTcp(flow: FlowFields): boolean {
  return flow.protocol === protocolTcp && flow.tcpState === tcpEstablished;
}
