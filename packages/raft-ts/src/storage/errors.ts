import { RaftError } from '../errors.ts';

/** What went wrong in the durable log; the message names the file and the place in it. */
export class StorageError extends RaftError {
  readonly path: string;

  constructor(code: string, path: string, message: string, cause?: unknown) {
    super(code, `${message} (${path})`, { path }, cause);
    this.path = path;
  }
}

/** Thrown when stored bytes are not what was written and no crash can explain it: the member must not go on from them. */
export class StorageCorruptionError extends StorageError {
  readonly offset: number;

  constructor(path: string, offset: number, message: string) {
    super('ERR_RAFT_STORAGE_CORRUPTION', path, `${message} at byte ${offset}`);
    this.offset = offset;
  }
}

/** Thrown when a read, write or sync fails; the store is latched and refuses everything from then on. */
export class StorageFailedError extends StorageError {
  constructor(path: string, message: string, cause: unknown) {
    super('ERR_RAFT_STORAGE_FAILED', path, message, cause);
  }
}

/** Thrown when another store, in this or another process, has the directory open. */
export class StorageLockedError extends StorageError {
  constructor(path: string) {
    super('ERR_RAFT_STORAGE_LOCKED', path, 'the directory is open elsewhere');
  }
}

/** Thrown when a directory belongs to another cluster than the one that the options name. */
export class StorageIdentityError extends StorageError {
  constructor(path: string, expected: string, found: string) {
    super(
      'ERR_RAFT_STORAGE_IDENTITY',
      path,
      `the directory belongs to cluster "${found}", not to "${expected}"`,
    );
  }
}

/** Thrown when a file was written by a newer format than this version can read. */
export class StorageFormatError extends StorageError {
  constructor(path: string, version: number, supported: number) {
    super(
      'ERR_RAFT_STORAGE_FORMAT',
      path,
      `format version ${version} is not supported (supported: ${supported})`,
    );
  }
}

/** Thrown when the store is used out of order, or a batch does not fit the log: a fault of the caller. */
export class StorageUsageError extends StorageError {
  constructor(path: string, message: string) {
    super('ERR_RAFT_STORAGE_USAGE', path, message);
  }
}

/** Thrown when entries are asked for that were compacted or do not exist. */
export class LogRangeError extends StorageError {
  constructor(path: string, from: number, to: number, first: number, last: number) {
    super(
      'ERR_RAFT_LOG_RANGE',
      path,
      `entries ${from} to ${to - 1} are not all in the log, which holds ${first} to ${last}`,
    );
  }
}

/** Thrown when the content of a received snapshot is not what its sender had named: none of it is kept. */
export class SnapshotMismatchError extends StorageError {
  constructor(path: string, expected: string, found: string) {
    super(
      'ERR_RAFT_SNAPSHOT_MISMATCH',
      path,
      `the received content has the digest ${found}, not ${expected}`,
    );
  }
}
