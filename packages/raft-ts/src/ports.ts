import type { Message, SnapshotMessage } from './core/message.ts';
import type {
  ClusterConfig,
  Entry,
  HardState,
  Index,
  LogId,
  NodeId,
  SnapshotMeta,
  SnapshotPosition,
  Term,
} from './core/types.ts';

/** Called once, in a later turn, with an error or null. */
export type Done = (error: Error | null) => void;

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
  /** What `noteBootstrap` was given last; null when it never was. */
  readonly bootstrap: BootstrapMembers | null;
}

/** The first voters of a cluster and where they listen, ids to `host:port`. */
export type BootstrapMembers = Readonly<Record<NodeId, string>>;

/** One step of the log: all of it is durable when `done` is called, in the order hard state, reset, truncate, entries. */
export interface AppendBatch {
  /** Present when term or vote changed; synced before anything else of the batch is answered. */
  readonly hardState: HardState | null;
  /**
   * The whole log goes, and a new one begins behind this entry, which becomes the compacted one: a snapshot that holds it is
   * durable. In one step: after a crash there is the old log or the new one, never a gap (rule T5). Null when it goes on.
   */
  readonly reset: LogId | null;
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
  /** Called once, before everything else. @throws If what is stored is damaged: the member does not start. */
  open(): Promise<RestoredState>;
  /**
   * Keeps the first configuration beside the log, in place of an earlier one; durable when it resolves. Called after `open`
   * and before the first `append`. @throws If it is too long to be kept, or the disk refuses.
   */
  noteBootstrap(members: BootstrapMembers): Promise<void>;
  /** Calls `done` when all of the batch is durable, never before this has returned; with an error when it may not be. */
  append(batch: AppendBatch, done: (error: Error | null) => void): void;
  /** Forgets entries up to and including `index`, in whole segments: fewer may go, never more. */
  compact(index: Index): Promise<void>;
  /** Waits for the append in flight. */
  close(): Promise<void>;
}

/** A snapshot's bytes in order, in pieces of any length. Read once, from the beginning. */
export type SnapshotContent = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A complete snapshot that is being read. It is pinned: it stays readable until `close`, whatever becomes current meanwhile. */
export interface SnapshotReader {
  readonly meta: SnapshotMeta;
  /**
   * Answers with `length` bytes from `offset` on, less only at the end. The bytes are as they are on the disk: the digest is
   * checked by whoever receives all of them.
   */
  read(offset: number, length: number, answer: (result: Uint8Array | Error) => void): void;
  /** All of it; the iteration fails at its end when the bytes do not have the digest of `meta`. */
  content(): SnapshotContent;
  /** Ends the pin; harmless when repeated. */
  close(): void;
}

/** A snapshot that is being received. At most one call is under way. */
export interface SnapshotWriter {
  readonly meta: SnapshotMeta;
  /** Bytes that are there already, of this or an earlier attempt; the next `write` goes here. At most `meta.bytes`. */
  readonly offset: number;
  /** Appends at `offset`, which has grown by the chunk's length when this is done. Need not be durable yet. */
  write(chunk: Uint8Array, done: Done): void;
  /**
   * Checks length and digest, makes everything durable, then makes the snapshot current in one step: after a crash either
   * the one before or this one is. On a wrong digest nothing is kept, and `done` gets the error. A snapshot that is older
   * than the current one by now is dropped instead, and that is no error.
   */
  finish(done: Done): void;
  /** Stops, without an answer to a call under way; what was written stays for a later attempt. Harmless when repeated, or after `finish`. */
  close(): void;
}

/**
 * The durable place of one member's snapshots. One of them is current: the newest complete one. Older ones go when nobody
 * has them pinned. All indexes only rise: nothing older ever takes the place of the current one.
 *
 * An error is not final: what was current stays so, and the driver tries again later.
 */
export interface SnapshotStore {
  /**
   * Removes what no attempt can go on with, and returns the current snapshot, its digest checked; null when there is none.
   * @throws If the current one is damaged: it may be all that is left of what the log no longer holds.
   */
  open(): Promise<SnapshotMeta | null>;
  /** The current snapshot; null before the first one. Changes just before a `create` or a `finish` answers. */
  readonly current: SnapshotMeta | null;
  /**
   * Writes the content that a state machine gives, durable before it becomes current. Answers with what is current then:
   * this one, or one that is not older and was received meanwhile (then this one is dropped). At most one `create` is under
   * way. The answer is an error when the content fails or the disk does; nothing of it stays.
   */
  create(
    position: SnapshotPosition,
    content: SnapshotContent,
    answer: (result: SnapshotMeta | Error) => void,
  ): void;
  /** Reads the current snapshot, or null when there is none. */
  pin(): SnapshotReader | null;
  /**
   * Begins to receive, or goes on where an earlier attempt for the same content and position ended, also before a restart.
   * A partial snapshot of anything else is removed. Answers with an error when the disk refuses, or the format is newer.
   * At most one writer is open: the caller closes the one before.
   */
  receive(meta: SnapshotMeta, answer: (result: SnapshotWriter | Error) => void): void;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/**
 * Called by a transport when a member offers a snapshot. The answer is the writer to fill from `writer.offset` on and then to
 * finish; null when the content is not needed and the sender can be told that it is done; an error to refuse. The writer's
 * `finish` answers when the member knows of the snapshot. When the connection breaks, `close` the writer.
 */
export type SnapshotOffered = (
  message: SnapshotMessage,
  answer: (result: SnapshotWriter | null | Error) => void,
) => void;

/** Fire and forget between members: may drop, delay, repeat and reorder. */
export interface Transport {
  /** `onSnapshot` is what to do when a member sends a snapshot; absent when this member cannot take one. */
  start(receive: (message: Message) => void, onSnapshot?: SnapshotOffered): Promise<void>;
  /** Never throws for an unreachable member; drops beyond the transport's limits and counts it. */
  send(message: Message): void;
  /** The members to talk to and where they listen, without oneself. Called again when membership changes. */
  setPeers(addresses: ReadonlyMap<NodeId, string>): void;
  /**
   * The generation of the own configuration (rule L4), null while the own log is empty: members of another one are refused
   * from now on. Told before `start` and when it changes.
   */
  setGeneration?(generation: number | null): void;
  /** Whether a message that is sent now has a way to the peer. A hint: it may be wrong by the time it matters. */
  isReachable(peer: NodeId): boolean;
  /**
   * Sends a snapshot to `message.to`, beside the other messages and never in their way: first the message, then, from the
   * offset that the receiver names, the content. `done` is called exactly once: without an error when the receiver has all
   * of it durable, or does not need it; with one when it refused, when nothing moved for too long, or on `signal`.
   * The caller closes the reader after that. A transport without it serves only members whom the log can bring level.
   */
  sendSnapshot?(
    message: SnapshotMessage,
    reader: SnapshotReader,
    signal: AbortSignal,
    done: Done,
  ): void;
  /** Ends all connections; nothing is received after this has resolved. */
  stop(): Promise<void>;
}

/** Time and turns of the loop, so that the simulator can stand in. All times are monotonic milliseconds. */
export interface Clock {
  /** Milliseconds since some moment in the past; never goes back. */
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
  /**
   * The whole state as it is at the call, after the last entry of the last `apply`. The content is read while applying goes
   * on, so it must not change with it: copy what changes, or write it out before returning (a generator's body runs later!).
   * With `restore`, and with a snapshot store, a member can be brought level by a snapshot; without, only by the log.
   */
  snapshot?(): SnapshotContent;
  /**
   * Replaces the state, all of it, by that of a snapshot: what the snapshot lacks is gone afterwards. Nothing is applied
   * until it has returned or resolved; applying then goes on behind `meta.lastIndex`. It need not be durable: as long as the
   * own storage has an older state, the snapshot is given again at the next start. Must not fail: an error stops the member.
   */
  restore?(meta: SnapshotMeta, content: SnapshotContent): PromiseLike<void> | void;
}
