/** How `raftwalld` ends; the numbers are those of sysexits.h, so that systemd and scripts can tell them apart. */
export const EXIT = Object.freeze({
  /** Left in order. */
  ok: 0,
  /** EX_USAGE: wrong arguments. */
  usage: 64,
  /** EX_SOFTWARE: an error that nobody foresaw. */
  software: 70,
  /** EX_IOERR: the storage failed; a restart on the same disk does not help. */
  storage: 74,
  /** EX_CONFIG: the configuration has faults. */
  config: 78,
} as const);

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** System errors that mean the disk, not the program. */
const STORAGE_ERRNOS: ReadonlySet<unknown> = new Set(['EIO', 'ENOSPC', 'EROFS', 'EDQUOT']);

/** Failures of log, vote or checkpoint for which a restart on the same disk is no remedy. */
export const STORAGE_ERRORS: ReadonlySet<string> = new Set([
  'MemberFailedError',
  'StorageCorruptionError',
  'StorageFailedError',
  'StorageFormatError',
  'StorageIdentityError',
  'AppliedBeyondLogError',
  'CheckpointDamagedError',
  'CheckpointOpenError',
  'CheckpointVersionError',
  'CheckpointWriteError',
]);

/** @returns How a node that failed with this error ends: a storage error, also as a cause, is told apart from all others. */
export function exitCodeOf(error: unknown): ExitCode {
  const seen = new Set<unknown>();
  for (let cause = error; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    seen.add(cause);
    const byErrno = 'code' in cause && STORAGE_ERRNOS.has(cause.code);
    if (byErrno || STORAGE_ERRORS.has(cause.name)) return EXIT.storage;
  }
  return EXIT.software;
}
