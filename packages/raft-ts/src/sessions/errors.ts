import { RaftError } from '../errors.ts';
import type { SessionId } from './session-command.ts';

/**
 * Thrown when a session has ended: too many others were used since. Commands that were answered are applied; of those
 * without an answer nobody can tell any more.
 */
export class SessionExpiredError extends RaftError {
  constructor(session: SessionId) {
    super('ERR_RAFT_SESSION_EXPIRED', `session ${session} has ended: open another one`, {
      session,
    });
  }
}

/** Thrown when the state machine refused a command of a session; it was not applied and never will be. */
export class SessionCommandRefusedError extends RaftError {
  constructor(session: SessionId, sequence: number, reason: string) {
    super(
      'ERR_RAFT_SESSION_COMMAND_REFUSED',
      `command ${sequence} of session ${session} was refused: ${reason}`,
      { session, sequence, reason },
    );
  }
}

/** Thrown when a saved table of sessions cannot be used. */
export class SessionTableError extends RaftError {
  constructor(problem: string, cause?: unknown) {
    super('ERR_RAFT_SESSION_TABLE', `sessions: ${problem}`, { problem }, cause);
  }
}
