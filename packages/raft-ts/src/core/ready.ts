import type { AppendBatch } from '../ports.ts';
import type { RaftMessage } from './message.ts';
import type { ReadState } from './read-index.ts';
import type { ClusterConfig, Entry, Index, NodeId, Role, SnapshotMeta, Term } from './types.ts';

/** Who leads, as this member sees it; not durable. */
export interface SoftState {
  readonly role: Role;
  readonly leader: NodeId | null;
  readonly term: Term;
}

/** A member that only a snapshot can bring level; report what became of it with `reportSnapshot`. */
export interface SnapshotDue {
  readonly to: NodeId;
  /** The snapshot must reach at least this far. */
  readonly from: Index;
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
  /**
   * Replace the state by this snapshot, forget what was handed out to apply and is not applied, then call `restored`;
   * nothing is to be applied before.
   */
  readonly restore: SnapshotMeta | null;
  readonly snapshotsDue: readonly SnapshotDue[];
  readonly readStates: readonly ReadState[];
  /** Present when it changed. */
  readonly softState: SoftState | null;
  /** Present when another configuration holds now, or has become committed. */
  readonly config: ClusterConfig | null;
}
