/** Codes of this package's errors; they are stable and appear in logs. */
export type KeepalivedErrorCode =
  | 'RAFTWALL_VRRP_OPTIONS'
  | 'RAFTWALL_VRRP_FIFO'
  | 'RAFTWALL_TRACK_FILE';

/** What an error is about, for logs. */
export interface KeepalivedErrorMetadata {
  readonly path?: string;
  readonly option?: string;
}

/** Base of this package's errors. */
export abstract class KeepalivedError extends Error {
  readonly code: KeepalivedErrorCode;
  readonly metadata: KeepalivedErrorMetadata;

  constructor(
    code: KeepalivedErrorCode,
    message: string,
    detail: { metadata: KeepalivedErrorMetadata; cause?: unknown },
  ) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.code = code;
    this.metadata = detail.metadata;
  }
}

/** Thrown when an option has a value that is not allowed. */
export class VrrpOptionsError extends KeepalivedError {
  constructor(option: string, problem: string) {
    super('RAFTWALL_VRRP_OPTIONS', `${option}: ${problem}`, { metadata: { option } });
  }
}

/** Thrown when the FIFO cannot be created, opened or read. */
export class VrrpFifoError extends KeepalivedError {
  constructor(path: string, problem: string, cause?: unknown) {
    super('RAFTWALL_VRRP_FIFO', `VRRP FIFO ${path}: ${problem}`, { metadata: { path }, cause });
  }
}

/** Thrown when the track file or its directory cannot be written. */
export class TrackFileError extends KeepalivedError {
  constructor(path: string, problem: string, cause?: unknown) {
    super('RAFTWALL_TRACK_FILE', `track file ${path}: ${problem}`, { metadata: { path }, cause });
  }
}
