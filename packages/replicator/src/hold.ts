import { FlowAttribute, type FlowFields } from '@raftwall/flow-table';
import type { ApplierOptions } from './options.ts';

// enum tcp_conntrack: the only state whose timeout is its own on a standby too.
const tcpEstablished = 3;
// FIN_WAIT to CLOSE.
const tcpClosing = new Set([4, 5, 6, 7, 8]);
const protocolTcp = 6;
// IPS_FIXED_TIMEOUT and IPS_OFFLOAD of nf_conntrack_common.h.
const fixedTimeout = 1 << 10;
const offload = 1 << 14;

/** Less than this may come from rounding. */
const movedSecondsMin = 2;

export type HoldOptions = Pick<
  ApplierOptions,
  'holdSeconds' | 'tcpEstablishedSeconds' | 'rearmedSecondsMin'
>;

/**
 * Rule K14: how long a standby, which sees no packets of a flow, keeps it in its kernel, and what is left of that when the
 * node becomes the one that sees them.
 */
export class Hold {
  readonly #options: HoldOptions;

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  /** Timeout with which a standby injects the flow: the protocol's own for ESTABLISHED TCP, else longer than it has left. */
  timeoutSeconds(flow: FlowFields): number {
    const { tcpEstablishedSeconds, holdSeconds } = this.#options;
    return isEstablishedTcp(flow) ? tcpEstablishedSeconds : leftSeconds(flow) + holdSeconds;
  }

  /** A hold that ran down, or was undone by a packet, is due to be restored. */
  isDue(row: FlowFields, entry: FlowFields): boolean {
    const wanted = Math.min(this.timeoutSeconds(row), this.#options.holdSeconds);
    return isTimed(entry) && entry.timeoutSeconds < wanted / 2;
  }

  /** The kernel lets nobody change the life of this entry. */
  isFixed(entry: FlowFields): boolean {
    return (entry.status & fixedTimeout) !== 0;
  }

  /** Timeout of a flow on the node that sees its packets: what it has left, with some grace unless it is closing. */
  rearmedSeconds(flow: FlowFields): number {
    const { tcpEstablishedSeconds, rearmedSecondsMin } = this.#options;
    if (isEstablishedTcp(flow)) return tcpEstablishedSeconds;
    const isClosing = flow.protocol === protocolTcp && tcpClosing.has(flow.tcpState);
    return Math.max(leftSeconds(flow), isClosing ? 1 : rearmedSecondsMin);
  }

  /**
   * Whether a kernel still gives the flow a hold: no packet has renewed its timeout since. Holds are renewed at half their
   * length; a timeout of the kernel's own that is as long is hardly shortened, since the row's is about as long.
   */
  isHeld(row: FlowFields, entry: FlowFields): boolean {
    if (isEstablishedTcp(row) || isEstablishedTcp(entry) || this.isFixed(entry)) return false;
    if (!isTimed(entry)) return false;
    const heldSecondsMin = 0.4 * this.#options.holdSeconds;
    return entry.timeoutSeconds > Math.max(heldSecondsMin, this.rearmedSeconds(row));
  }

  /** Whether the flow's end has moved so far that the others must know: by more than a quarter of its timeout. */
  hasMoved(row: FlowFields, entry: FlowFields): boolean {
    if (isEstablishedTcp(row) || isEstablishedTcp(entry) || !isTimed(entry)) return false;
    const moved = Math.abs(entry.timeoutSeconds - leftSeconds(row));
    return moved >= movedSecondsMin && 4 * moved > Math.max(entry.timeoutSeconds, leftSeconds(row));
  }
}

/** Whether the protocol's own long timeout counts, which is no hold and neither touched nor re-armed. */
function isEstablishedTcp(flow: FlowFields): boolean {
  if (flow.protocol !== protocolTcp) return false;
  // The kernel tells neither state nor timeout of a flow in a flowtable; only established ones get there.
  if (flow.attributes & FlowAttribute.tcp) return flow.tcpState === tcpEstablished;
  return (flow.status & offload) !== 0;
}

function isTimed(flow: FlowFields): boolean {
  return (flow.attributes & FlowAttribute.timeout) !== 0;
}

function leftSeconds(flow: FlowFields): number {
  return isTimed(flow) ? flow.timeoutSeconds : 0;
}
