import type { Message } from './core/message.ts';
import type { ClusterConfig, Entry, HardState, Index, LogId, NodeId, Term } from './core/types.ts';

/** What a `LogStore` found when it was opened. */
export interface RestoredState {
  readonly hardState: HardState;
  /** The entry before the first one that is kept; `{ index: 0, term: 0 }` for a log that was never cut. */
  readonly compacted: LogId;
  readonly lastIndex: Index;
  /** A torn last group was cut on open: this member's vote is restricted until a leader has brought it level (rule L3). */
  readonly tornLog: boolean;
  /** Identity of this data directory, 32 hex digits, drawn when it was made. */
  readonly incarnation: string;
}

/** One atomic step of the log: all of it is durable when `done` is called, in the order truncate, entries, hard state. */
export interface AppendBatch {
  /** Present when term or vote changed; synced before anything else of the batch is answered. */
  readonly hardState: HardState | null;
  /** Drop this index and everything after it first; null when nothing is overwritten. */
  readonly truncateFrom: Index | null;
  /** Contiguous, the first one directly after what remains. */
  readonly entries: readonly Entry[];
  /** The log is level with a leader again: the torn mark of rule L3 is lifted. */
  readonly clearTorn: boolean;
}

/** Read side of the log, as the core uses it: synchronous, of entries whose append was reported done. */
export interface LogReader {
  /** Term of a stored entry or of the compacted one; undefined when the index is outside. */
  term(index: Index): Term | undefined;
  /** Entries from `from` up to but not including `to`, at least one, at most about `bytesMax` of data. */
  entries(from: Index, to: Index, bytesMax: number): readonly Entry[];
}

/**
 * Durable log, term and vote of one member. The driver has at most one `append` in flight.
 * The first error of any kind is final: the driver stops and never retries.
 */
export interface LogStore extends LogReader {
  open(): Promise<RestoredState>;
  append(batch: AppendBatch, done: (error: Error | null) => void): void;
  /** Forgets entries up to and including `index`, in whole segments: fewer may go, never more. */
  compact(index: Index): Promise<void>;
  close(): Promise<void>;
}

/** Fire and forget between members: may drop, delay, repeat and reorder. */
export interface Transport {
  start(receive: (message: Message) => void): Promise<void>;
  /** Never throws for an unreachable member; drops beyond the transport's limits and counts it. */
  send(message: Message): void;
  /** The members to talk to and where they listen, without oneself. Called again when membership changes. */
  setPeers(addresses: ReadonlyMap<NodeId, string>): void;
  isReachable(peer: NodeId): boolean;
  stop(): Promise<void>;
}

/** Time and turns of the loop, so that the simulator can stand in. All times are monotonic milliseconds. */
export interface Clock {
  nowMs(): number;
  /** Calls back once, after `delayMs`; returns the way to cancel. */
  setTimer(delayMs: number, callback: () => void): () => void;
  /** Calls back once in a later turn of the loop, after pending input. */
  defer(callback: () => void): void;
}

/** What the log is for. `apply` is called in log order, each entry once per start, `normal` and `config` entries alike. */
export interface StateMachine<R> {
  /** The index that the restored state already contains; applying goes on behind it. */
  readonly appliedIndex: Index;
  /**
   * Configuration that the state contains, read at the start and before each compaction. Null when it keeps none: then the
   * log, else the bootstrap configuration tells, and compaction stops before the newest `config` entry.
   */
  readonly appliedConfig: ClusterConfig | null;
  /** One result for each entry, in order. Must not throw: an exception stops the member. */
  apply(entries: readonly Entry[]): readonly R[];
}
