import { Packr, Unpackr } from 'msgpackr';
import { SessionTableError } from './errors.ts';
import type { SessionId } from './session-command.ts';

/** How much a `SessionStateMachine` remembers; equal on all members. */
export interface SessionTableOptions {
  /** Sessions at a time: opening one more ends the one that was used longest ago, by order of the log. */
  readonly sessionsMax: number;
  /** Answers that one session keeps: how far a command's number may be above the first one still waited for. */
  readonly pendingMax: number;
}

/** Bytes of a result and back, for the answers that travel in a snapshot. Must give equal bytes on all members. */
export interface ResultCodec<R> {
  /** The bytes that are kept for a retry. */
  encode(result: R): Uint8Array;
  /** What `encode` was given. */
  decode(bytes: Uint8Array): R;
}

/** The answer of a command, filled in when the command has been applied. */
export interface Answer<R> {
  result: R;
}

/**
 * What to do with a command. `new`: apply it and fill the answer in; `repeated`: it was applied, here is its answer;
 * `expired`: the session has ended; `outside`: its number is below what the client has said it waits for, or too far above.
 */
export type Verdict<R> =
  | { readonly kind: 'new' | 'repeated'; readonly answer: Answer<R> }
  | { readonly kind: 'expired' | 'outside' };

interface Session<R> {
  firstPending: number;
  /** By the number of the command; in the order in which they were applied. */
  readonly answers: Map<number, Answer<R>>;
}

type PackedSession = readonly [SessionId, number, readonly (readonly [number, Uint8Array])[]];

const tableVersion = 1;
const packer = new Packr({ useRecords: false });
const unpacker = new Unpackr({ useRecords: false });

/**
 * Open sessions and the answers that they may ask for again (dissertation, section 6.3). A pure function of the log: which
 * session ends when there are too many follows from the order of the entries, so it is the same on all members.
 */
export class SessionTable<R> {
  readonly #options: SessionTableOptions;
  /** Used longest ago first. */
  readonly #sessions = new Map<SessionId, Session<R>>();

  constructor(options: SessionTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  open(id: SessionId): void {
    this.#sessions.set(id, { firstPending: 1, answers: new Map() });
    if (this.#sessions.size <= this.#options.sessionsMax) return;
    const oldest = this.#sessions.keys().next();
    if (!oldest.done) this.#sessions.delete(oldest.value);
  }

  /** Takes note of a command, in log order. */
  judge(id: SessionId, sequence: number, firstPending: number): Verdict<R> {
    const session = this.#sessions.get(id);
    if (session === undefined) return { kind: 'expired' };
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    forget(session, firstPending);
    const known = session.answers.get(sequence);
    if (known !== undefined) return { kind: 'repeated', answer: known };
    const end = session.firstPending + this.#options.pendingMax;
    if (sequence < session.firstPending || sequence >= end) return { kind: 'outside' };
    // The state machine answers before anybody can ask for it again.
    const answer = {} as Answer<R>;
    session.answers.set(sequence, answer);
    return { kind: 'new', answer };
  }

  /** Equal tables give equal bytes. */
  encode(codec: ResultCodec<R>): Uint8Array {
    const sessions = [...this.#sessions].map(([id, { firstPending, answers }]) => {
      const packed = [...answers].map(([sequence, { result }]) => [sequence, codec.encode(result)]);
      return [id, firstPending, packed];
    });
    return packer.pack([tableVersion, sessions]);
  }

  /** @throws {SessionTableError} If the bytes are no table. */
  static decode<R>(
    bytes: Uint8Array,
    options: SessionTableOptions,
    codec: ResultCodec<R>,
  ): SessionTable<R> {
    const table = new SessionTable<R>(options);
    try {
      const [version, sessions] = unpacker.unpack(bytes) as [number, readonly PackedSession[]];
      if (version !== tableVersion) throw new SessionTableError(`format ${version} is not known`);
      for (const [id, firstPending, packed] of sessions) {
        const answers = packed.map(([sequence, result]): [number, Answer<R>] => {
          return [sequence, { result: codec.decode(result) }];
        });
        table.#sessions.set(id, { firstPending, answers: new Map(answers) });
      }
    } catch (error) {
      if (error instanceof SessionTableError) throw error;
      throw new SessionTableError('the table of sessions cannot be read', error);
    }
    return table;
  }
}

function forget<R>(session: Session<R>, firstPending: number): void {
  if (firstPending <= session.firstPending) return;
  session.firstPending = firstPending;
  for (const sequence of session.answers.keys()) {
    if (sequence < firstPending) session.answers.delete(sequence);
  }
}
