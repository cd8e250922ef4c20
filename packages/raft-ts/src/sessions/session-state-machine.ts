import type { ClusterConfig, Entry, Index, SnapshotMeta } from '../core/types.ts';
import { EntryType } from '../core/types.ts';
import { InvalidOptionError } from '../errors.ts';
import type { SnapshotContent, StateMachine } from '../ports.ts';
import { SessionTableError } from './errors.ts';
import { decodeSessionCommand, type SessionCommand, type SessionId } from './session-command.ts';
import { joinSnapshot, splitSnapshot } from './session-snapshot.ts';
import {
  type Answer,
  type ResultCodec,
  SessionTable,
  type SessionTableOptions,
} from './session-table.ts';

/** What became of an entry. A refused command was not applied. */
export type SessionOutcome<R> =
  | { readonly kind: 'applied'; readonly result: R }
  | { readonly kind: 'opened'; readonly session: SessionId }
  | { readonly kind: 'refused'; readonly reason: 'expired' | 'outside' | 'malformed' };

/** The table of sessions as it was between two calls of `apply`. */
export interface SavedSessions {
  /** Index of the newest entry that the table knows of. */
  readonly index: Index;
  /** Index of the newest entry that the wrapped state machine was given. */
  readonly innerIndex: Index;
  readonly table: Uint8Array;
}

/** Equal on all members, or their states part. */
export interface SessionOptions {
  /** Sessions at a time, 1 or more; 1,024. */
  readonly sessionsMax?: number;
  /** Commands of one session without an answer, 1 or more; 64. */
  readonly pendingMax?: number;
}

/** The options that hold where no others are given. */
export const defaultSessionOptions: SessionTableOptions = Object.freeze({
  sessionsMax: 1024,
  pendingMax: 64,
});

/** What a `SessionStateMachine` wraps, and how it keeps results. */
export interface SessionDependencies<R> {
  /** What the commands are for; it sees their data without the session's part. */
  readonly inner: StateMachine<R>;
  readonly codec: ResultCodec<R>;
  /** From `save`, of the time to which the durable state of `inner` belongs; null or absent when it starts empty. */
  readonly saved?: SavedSessions | null;
}

/** An entry's outcome: decided, or the answer that `inner` gives or gave. */
type Pending<R> = SessionOutcome<R> | Answer<R>;

/**
 * Wraps a state machine so that a command that is proposed again is applied once (dissertation, section 6.3): by another
 * member, after a change of leaders, after a restart. Propose with `encodeSessionCommand`, or by `ClientSession`.
 *
 * Snapshots hold the sessions as well, if the wrapped state machine can be snapshotted.
 */
export class SessionStateMachine<R> implements StateMachine<SessionOutcome<R>> {
  readonly #options: SessionTableOptions;
  readonly #inner: StateMachine<R>;
  readonly #codec: ResultCodec<R>;
  /** Absent when `inner` has none. */
  readonly snapshot?: () => SnapshotContent;
  readonly restore?: (meta: SnapshotMeta, content: SnapshotContent) => Promise<void>;
  #table: SessionTable<R>;
  #index: Index;
  #innerIndex: Index;

  /**
   * @throws {InvalidOptionError} If an option is below 1.
   * @throws {SessionTableError} If `saved` does not belong to the state of `inner`.
   */
  constructor(options: SessionOptions, dependencies: SessionDependencies<R>) {
    this.#options = resolve(options);
    this.#inner = dependencies.inner;
    this.#codec = dependencies.codec;
    const saved = dependencies.saved ?? null;
    this.#index = saved?.index ?? 0;
    this.#innerIndex = saved?.innerIndex ?? 0;
    const { appliedIndex } = this.#inner;
    if (appliedIndex < this.#innerIndex || appliedIndex > this.#index) {
      const range = `${this.#innerIndex} to ${this.#index}`;
      throw new SessionTableError(`state of index ${appliedIndex}, but sessions of ${range}`);
    }
    this.#table =
      saved === null
        ? new SessionTable(this.#options)
        : SessionTable.decode(saved.table, this.#options, this.#codec);
    const { inner } = dependencies;
    if (inner.snapshot === undefined || inner.restore === undefined) return;
    this.snapshot = () => joinSnapshot(this.#table.encode(this.#codec), inner.snapshot!());
    this.restore = (meta, content) => this.#restore(meta, content);
  }

  get appliedIndex(): Index {
    return this.#index;
  }

  get appliedConfig(): ClusterConfig | null {
    return this.#inner.appliedConfig;
  }

  /** Sessions that are open. */
  get sessions(): number {
    return this.#table.size;
  }

  /** For a state machine that keeps its state on disk: to be stored together with the state as it is now. */
  save(): SavedSessions {
    const table = this.#table.encode(this.#codec);
    return { index: this.#index, innerIndex: this.#innerIndex, table };
  }

  apply(entries: readonly Entry[]): readonly SessionOutcome<R>[] {
    const wanted: Entry[] = [];
    const answers: Answer<R>[] = [];
    const pending = entries.map((entry): Pending<R> => {
      const decided = this.#judge(entry);
      if (!('data' in decided)) return decided;
      wanted.push({ ...entry, data: decided.data });
      answers.push(decided.answer);
      return decided.answer;
    });
    this.#applyInner(wanted, answers);
    this.#index = entries.at(-1)?.index ?? this.#index;
    return pending.map((it) => ('kind' in it ? it : { kind: 'applied', result: it.result }));
  }

  async #restore(meta: SnapshotMeta, content: SnapshotContent): Promise<void> {
    const { table, inner } = await splitSnapshot(content);
    const decoded = SessionTable.decode(table, this.#options, this.#codec);
    await this.#inner.restore!(meta, inner);
    this.#table = decoded;
    this.#index = meta.lastIndex;
    this.#innerIndex = meta.lastIndex;
  }

  #applyInner(wanted: readonly Entry[], answers: readonly Answer<R>[]): void {
    const last = wanted.at(-1);
    if (last === undefined) return;
    const results = this.#inner.apply(wanted);
    if (results.length !== wanted.length) {
      throw new Error(`the state machine answered ${results.length} of ${wanted.length} entries`);
    }
    for (const [i, answer] of answers.entries()) answer.result = results[i]!;
    this.#innerIndex = last.index;
  }

  #judge(entry: Entry): Pending<R> | { readonly data: Uint8Array; readonly answer: Answer<R> } {
    if (entry.type !== EntryType.normal) return { data: entry.data, answer: {} as Answer<R> };
    const command = decodeSessionCommand(entry.data);
    if (command === null) return { kind: 'refused', reason: 'malformed' };
    if (command.kind === 'plain') return { data: command.data, answer: {} as Answer<R> };
    if (command.kind === 'once') return this.#judgeOnce(command);
    this.#table.open(entry.index);
    return { kind: 'opened', session: entry.index };
  }

  #judgeOnce(command: Extract<SessionCommand, { kind: 'once' }>) {
    const { session, sequence, firstPending, data } = command;
    const verdict = this.#table.judge(session, sequence, firstPending);
    if (verdict.kind === 'new') return { data, answer: verdict.answer };
    if (verdict.kind === 'repeated') return verdict.answer;
    return { kind: 'refused', reason: verdict.kind } as const;
  }
}

function resolve(options: SessionOptions): SessionTableOptions {
  const resolved = { ...defaultSessionOptions, ...options };
  for (const name of ['sessionsMax', 'pendingMax'] as const) {
    const value = resolved[name];
    if (!(Number.isSafeInteger(value) && value >= 1)) {
      throw new InvalidOptionError(name, 'a whole number of 1 or more', value);
    }
  }
  return resolved;
}
