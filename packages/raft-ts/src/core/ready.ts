import type { AppendBatch } from '../ports.ts';
import type { RaftMessage } from './message.ts';
import type { ReadState } from './read-index.ts';
import type { ClusterConfig, Entry, NodeId, Role, Term } from './types.ts';

/** Who leads, as this member sees it; not durable. */
export interface SoftState {
  readonly role: Role;
  readonly leader: NodeId | null;
  readonly term: Term;
}

/** One append to the durable log; report it with `appendDone(id)`. */
export interface ReadyAppend extends AppendBatch {
  readonly id: number;
  /** Messages that promise what this append makes durable: they leave only after it is done. */
  readonly thenSend: readonly RaftMessage[];
}

/** What the caller has to do now, see the caller's duties in `index.ts`. */
export interface Ready {
  /** Messages that may leave at once. */
  readonly send: readonly RaftMessage[];
  /** At most one is in flight: the next one comes after `appendDone`. */
  readonly append: ReadyAppend | null;
  /** Committed and durable entries in log order; report them with `applied(lastIndex)`, then the next ones come. */
  readonly apply: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** Present when it changed. */
  readonly softState: SoftState | null;
  /** Present when another configuration holds now, or has become committed. */
  readonly config: ClusterConfig | null;
}
