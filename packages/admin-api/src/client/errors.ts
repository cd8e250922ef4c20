/** Thrown when no daemon answers, or the connection is lost before the answer is whole. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  readonly code = 'RAFTWALL_UNREACHABLE';
  /** Socket path or URL. */
  readonly target: string;

  constructor(target: string, cause: unknown) {
    super(`raftwalld cannot be reached at ${target}: ${reasonOf(cause)}`, { cause });
    this.target = target;
  }
}

/** Thrown when the daemon answers that it does not do what was asked; `message` is its sentence. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly code = 'RAFTWALL_REFUSED';
  /** HTTP status code. */
  readonly status: number;
  /** The daemon's word for the kind of refusal, such as `unknown-member`. */
  readonly problem: string;

  constructor(status: number, problem: string, detail: string) {
    super(detail);
    this.status = status;
    this.problem = problem;
  }
}

/** Thrown when an answer is not what a raftwalld sends. */
export class BadAnswerError extends Error {
  override readonly name = 'BadAnswerError';
  readonly code = 'RAFTWALL_BAD_ANSWER';

  constructor(detail: string, cause?: unknown) {
    super(`The answer is not that of a raftwalld: ${detail}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause ? cause.code : null;
  if (code === 'ENOENT') return 'the socket does not exist; is raftwalld running?';
  if (code === 'ECONNREFUSED') return 'nobody listens there; is raftwalld running?';
  if (code === 'EACCES') return 'permission denied; the socket belongs to root';
  return cause.message;
}
