/** Base of every error that this package throws: a stable `code`, what it is about, and the cause. */
export class ReplicatorError extends Error {
  readonly code: string;
  readonly metadata: Readonly<Record<string, string | number>>;

  constructor(
    code: string,
    message: string,
    options: { metadata?: Readonly<Record<string, string | number>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.metadata = options.metadata ?? {};
  }
}

/** Thrown when a log entry is no command of this format, or of a newer format version than this program reads. */
export class CommandFormatError extends ReplicatorError {
  constructor(reason: string, metadata: Readonly<Record<string, string | number>> = {}) {
    super('REPLICATOR_COMMAND_FORMAT', `log entry is not a readable command: ${reason}`, {
      metadata,
    });
  }
}

/** Thrown when the checkpoint's cluster state is not readable by this program. */
export class ClusterStateFormatError extends ReplicatorError {
  constructor(reason: string) {
    super('REPLICATOR_STATE_FORMAT', `cluster state of the checkpoint is not readable: ${reason}`);
  }
}

/** Thrown when an address or prefix in the options is not one. */
export class AddressFormatError extends ReplicatorError {
  constructor(text: string) {
    super('REPLICATOR_ADDRESS_FORMAT', `not an IP address or prefix: ${text}`, {
      metadata: { text },
    });
  }
}

export type RefusalCode =
  | 'unknown-member'
  | 'not-ready'
  | 'no-quorum'
  | 'transfer-failed'
  | 'not-leader'
  | 'member-change-failed'
  | 'not-active'
  | 'unsupported';

/** Thrown when a person asks for something that this node refuses now; the message says why and what next. */
export class RefusalError extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.name = 'RefusalError';
    this.code = code;
  }
}
