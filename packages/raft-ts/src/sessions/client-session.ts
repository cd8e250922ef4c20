import {
  BusyError,
  ClosedError,
  EntryTooLargeError,
  InvalidOptionError,
  MemberFailedError,
  NotLeaderError,
  ProposalDroppedError,
  ProposalUnknownError,
  RaftError,
} from '../errors.ts';
import { SystemClock } from '../node/system-clock.ts';
import type { Clock } from '../ports.ts';
import { SessionCommandRefusedError, SessionExpiredError } from './errors.ts';
import { encodeSessionCommand, type SessionId } from './session-command.ts';
import { defaultSessionOptions, type SessionOutcome } from './session-state-machine.ts';

/** How long and how often a session tries. */
export interface ClientSessionOptions {
  /** Milliseconds for which a command is tried again; 30,000. */
  readonly timeoutMs?: number;
  /** Wait before a command is tried again: doubled each time, and drawn between half and all of it; 20 and 1,000. */
  readonly retryMsMin?: number;
  readonly retryMsMax?: number;
  /** Commands without an answer at a time, not above the option of the state machine; 64. */
  readonly pendingMax?: number;
}

/** By which way a session proposes, and its clock and randomness. */
export interface ClientSessionDependencies<R> {
  /** `RaftNode.propose` of any member; it may be another one with each call. */
  readonly propose: (data: Uint8Array) => Promise<{ readonly result: SessionOutcome<R> }>;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

const defaults = { timeoutMs: 30_000, retryMsMin: 20, retryMsMax: 1000 };

/** Of these nothing more is to be hoped for, or the reason will not go away. */
const isFinal = (error: unknown): boolean =>
  !(error instanceof RaftError) || error instanceof EntryTooLargeError;

/**
 * A client whose commands are applied once, however often they have to be proposed: on another member, under another
 * leader, after an answer that was lost. The state machine must be a `SessionStateMachine`.
 */
export class ClientSession<R> {
  readonly id: SessionId;
  readonly #options: Required<ClientSessionOptions>;
  readonly #dependencies: Required<ClientSessionDependencies<R>>;
  /** Numbers of the commands without an answer; they grow, so the first one is the lowest. */
  readonly #pending = new Set<number>();
  #sequence = 0;

  private constructor(
    id: SessionId,
    options: Required<ClientSessionOptions>,
    dependencies: Required<ClientSessionDependencies<R>>,
  ) {
    this.id = id;
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Opens a session. @throws {RaftError} If that did not succeed in time; at worst an unused session was opened. */
  static async open<R>(
    settings: ClientSessionOptions,
    dependencies: ClientSessionDependencies<R>,
  ): Promise<ClientSession<R>> {
    const options = { ...defaults, pendingMax: defaultSessionOptions.pendingMax, ...settings };
    for (const [name, value] of Object.entries(options)) {
      if (!(value > 0)) throw new InvalidOptionError(name, 'a number above 0', value);
    }
    const complete = { clock: new SystemClock(), random: Math.random, ...dependencies };
    const data = encodeSessionCommand({ kind: 'open' });
    const outcome = await retry(options, complete, () => data);
    if (outcome.kind !== 'opened') {
      throw new SessionCommandRefusedError(0, 0, 'the state machine keeps no sessions');
    }
    return new ClientSession(outcome.session, options, complete);
  }

  /**
   * Resolves with what the state machine answered when the command was applied.
   *
   * @throws {SessionExpiredError} If the session has ended; whether this command was applied is not known.
   * @throws {BusyError | EntryTooLargeError} If it was surely not applied.
   * @throws {ProposalUnknownError} If no member answered in time: it may be applied, once, now or later.
   */
  async propose(data: Uint8Array): Promise<R> {
    if (this.#pending.size >= this.#options.pendingMax || this.#isFarAhead()) {
      throw new BusyError('session');
    }
    const sequence = ++this.#sequence;
    this.#pending.add(sequence);
    try {
      const outcome = await retry(this.#options, this.#dependencies, () =>
        this.#encode(sequence, data),
      );
      return this.#resultOf(sequence, outcome);
    } finally {
      this.#pending.delete(sequence);
    }
  }

  /** The state machine keeps answers of so many numbers only. */
  #isFarAhead(): boolean {
    return this.#sequence + 1 - this.#firstPending >= this.#options.pendingMax;
  }

  get #firstPending(): number {
    const first = this.#pending.values().next();
    return first.done ? this.#sequence + 1 : first.value;
  }

  #encode(sequence: number, data: Uint8Array): Uint8Array {
    const firstPending = this.#firstPending;
    return encodeSessionCommand({ kind: 'once', session: this.id, sequence, firstPending, data });
  }

  #resultOf(sequence: number, outcome: SessionOutcome<R>): R {
    if (outcome.kind === 'applied') return outcome.result;
    const reason = outcome.kind === 'refused' ? outcome.reason : outcome.kind;
    if (reason === 'expired') throw new SessionExpiredError(this.id);
    throw new SessionCommandRefusedError(this.id, sequence, reason);
  }
}

/** Proposes until there is an outcome. */
async function retry<R>(
  options: Required<ClientSessionOptions>,
  { propose, clock, random }: Required<ClientSessionDependencies<R>>,
  encode: () => Uint8Array,
): Promise<SessionOutcome<R>> {
  const deadlineMs = clock.nowMs() + options.timeoutMs;
  let waitMs = options.retryMsMin;
  let isUnknown = false;
  for (;;) {
    try {
      return (await propose(encode())).result;
    } catch (error) {
      if (isFinal(error)) throw error;
      isUnknown ||= !isDefinite(error);
      if (clock.nowMs() + waitMs >= deadlineMs) {
        throw isUnknown ? new ProposalUnknownError('no answer in time') : error;
      }
    }
    const delayMs = waitMs * (0.5 + random() / 2);
    await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
    waitMs = Math.min(options.retryMsMax, 2 * waitMs);
  }
}

/** The attempt surely left nothing in the log. */
function isDefinite(error: unknown): boolean {
  const kinds = [
    NotLeaderError,
    ProposalDroppedError,
    BusyError,
    ClosedError,
    MemberFailedError,
  ] as const;
  return kinds.some((kind) => error instanceof kind);
}
