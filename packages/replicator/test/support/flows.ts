import { FlowAttribute, FlowRecord } from '@raftwall/flow-table';
import { parseAddress } from '../../src/address.ts';

export const Status = { seenReply: 2, assured: 4, confirmed: 8, srcNat: 16 } as const;
export const established = Status.seenReply | Status.assured | Status.confirmed;

export interface FlowSpec {
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: number;
  readonly dport?: number;
  /** Address and port that the reply goes to when the source is translated. */
  readonly natTo?: string;
  readonly natPort?: number;
  readonly status?: number;
  readonly state?: number;
  readonly timeoutSeconds?: number;
  readonly mark?: number;
  readonly helper?: string;
  readonly protocol?: number;
}

/** A TCP flow from 192.168.0.3 to 192.168.1.3, as the kernel reports it, with what the test wants otherwise. */
export function flowOf(spec: FlowSpec = {}): FlowRecord {
  const flow = new FlowRecord();
  const { src = '192.168.0.3', dst = '192.168.1.3', sport = 40_000, dport = 22 } = spec;
  const source = parseAddress(src);
  flow.family = source.family;
  flow.protocol = spec.protocol ?? 6;
  flow.originalSource.set(source.bytes);
  flow.originalDestination.set(parseAddress(dst).bytes);
  flow.originalL4 = ((sport << 16) | dport) >>> 0;
  flow.replySource.set(parseAddress(dst).bytes);
  flow.replyDestination.set(parseAddress(spec.natTo ?? src).bytes);
  flow.replyL4 = ((dport << 16) | (spec.natPort ?? sport)) >>> 0;
  flow.status = spec.status ?? established;
  flow.timeoutSeconds = spec.timeoutSeconds ?? 100;
  flow.attributes = FlowAttribute.reply | FlowAttribute.status | FlowAttribute.timeout;
  if (flow.protocol === 6) {
    flow.tcpState = spec.state ?? 3;
    flow.attributes |= FlowAttribute.tcp;
  }
  if (spec.mark !== undefined) {
    flow.mark = spec.mark;
    flow.attributes |= FlowAttribute.mark;
  }
  if (spec.helper !== undefined) {
    flow.helper = spec.helper;
    flow.attributes |= FlowAttribute.helper;
  }
  return flow;
}

/** The same flow as a DESTROY reports it when its time has run out: without a timeout. */
export function endOf(flow: FlowRecord): FlowRecord {
  flow.attributes &= ~FlowAttribute.timeout;
  return flow;
}
