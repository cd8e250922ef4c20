import { FlowAttribute, type FlowFields } from '@raftwall/flow-table';
import type { Admit, CaptureOptions } from './options.ts';

// IPS_SEEN_REPLY and IPS_ASSURED of nf_conntrack_common.h.
const seenReply = 1 << 1;
const assured = 1 << 2;
const protocolTcp = 6;

/**
 * When a flow of the domain becomes worth replicating. Unlike the domain this looks at what changes in a flow's life: once
 * admitted it stays replicated to its end, whatever becomes of its state and mark.
 */
export class Admission {
  readonly #admit: Admit;
  readonly #marks: CaptureOptions['marks'];
  /** TCP states that admit; null for all. */
  readonly #tcpStates: ReadonlySet<number> | null;

  constructor(options: Pick<CaptureOptions, 'admit' | 'tcpStates' | 'marks'>) {
    this.#admit = options.admit;
    this.#marks = options.marks;
    this.#tcpStates = options.tcpStates.length === 0 ? null : new Set(options.tcpStates);
  }

  /** Whether a flow that nobody answers is admitted once a later packet has shown that it lasts (rule K4). */
  get admitsUnreplied(): boolean {
    return this.#admit === 'replied';
  }

  /** Whether the flow passes the filter and has shown what it must have shown (rule K4). */
  isAdmitted(flow: FlowFields): boolean {
    return this.#hasShown(flow) && this.passes(flow);
  }

  /** Whether the flow's state and mark pass the filter; a TCP flow whose state is not told does not if states are named. */
  passes(flow: FlowFields): boolean {
    if (this.#tcpStates !== null && flow.protocol === protocolTcp) {
      const isTold = (flow.attributes & FlowAttribute.tcp) !== 0;
      if (!isTold || !this.#tcpStates.has(flow.tcpState)) return false;
    }
    if (this.#marks.length === 0) return true;
    const mark = flow.attributes & FlowAttribute.mark ? flow.mark : 0;
    return this.#marks.some(({ value, mask }) => ((mark ^ value) & mask) === 0);
  }

  #hasShown(flow: FlowFields): boolean {
    switch (this.#admit) {
      case 'all':
        return true;
      case 'assured':
        return (flow.status & assured) !== 0;
      case 'replied':
        return (flow.status & seenReply) !== 0;
    }
  }
}
