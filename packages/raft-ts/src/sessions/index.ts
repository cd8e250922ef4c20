export {
  ClientSession,
  type ClientSessionDependencies,
  type ClientSessionOptions,
} from './client-session.ts';
export { SessionCommandRefusedError, SessionExpiredError, SessionTableError } from './errors.ts';
export {
  decodeSessionCommand,
  encodeSessionCommand,
  type SessionCommand,
  type SessionId,
} from './session-command.ts';
export {
  defaultSessionOptions,
  type SavedSessions,
  type SessionDependencies,
  type SessionOptions,
  type SessionOutcome,
  SessionStateMachine,
} from './session-state-machine.ts';
export type { ResultCodec, SessionTableOptions } from './session-table.ts';
