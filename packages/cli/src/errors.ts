/** Thrown when a command cannot be done as asked; `message` says what, why and what to do next. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code = 'RAFTWALL_COMMAND_FAILED';
}

/** Thrown when the arguments make no sense together. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'RAFTWALL_USAGE';
}
