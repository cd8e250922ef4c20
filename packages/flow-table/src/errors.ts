/** What every error of this package carries: a stable `code` for programs and `metadata` for people and logs. */
export abstract class FlowTableError extends Error {
  abstract readonly code: string;
  readonly metadata: Readonly<Record<string, unknown>>;

  constructor(message: string, metadata: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.metadata = metadata;
  }
}

/** Thrown when packed bytes (a blob of operations, a key or a stored record) are malformed; `offset` names the byte. */
export class FlowCodecError extends FlowTableError {
  readonly code: string = 'FLOW_CODEC';
  readonly offset: number;
  readonly reason: string;

  constructor(offset: number, reason: string) {
    super(`packed flows are malformed at byte ${offset}: ${reason}`, { offset, reason });
    this.offset = offset;
    this.reason = reason;
  }
}

/** Thrown when packed bytes have a format version that this release cannot read. */
export class FlowCodecVersionError extends FlowCodecError {
  override readonly code = 'FLOW_CODEC_VERSION';

  constructor(version: number, supported: number) {
    super(0, `format version ${version}, this release reads version ${supported}; upgrade it`);
  }
}

/** Thrown when a flow to be packed has a value that the format cannot carry. */
export class FlowValueError extends FlowTableError {
  readonly code = 'FLOW_VALUE';

  constructor(field: string, value: unknown, allowed: string) {
    super(`flow field ${field} is ${JSON.stringify(value)}, allowed is ${allowed}`, {
      field,
      value,
      allowed,
    });
  }
}

/** Thrown when an operation does not fit into the writer's byte limit; the writer is unchanged. */
export class OperationLimitError extends FlowTableError {
  readonly code = 'OPERATION_LIMIT';

  constructor(byteLength: number, byteLengthMax: number) {
    super(`operation would make the blob longer than ${byteLengthMax} bytes`, {
      byteLength,
      byteLengthMax,
    });
  }
}

/** Thrown when an option has a value outside of its range. */
export class FlowTableOptionError extends FlowTableError {
  readonly code = 'FLOW_TABLE_OPTION';

  constructor(option: string, value: unknown, allowed: string) {
    super(`option ${option} is ${JSON.stringify(value)}, allowed is ${allowed}`, {
      option,
      value,
      allowed,
    });
  }
}

/** Thrown when the checkpoint on disk is not what was written: discard it and fetch a snapshot. */
export class CheckpointDamagedError extends FlowTableError {
  readonly code = 'CHECKPOINT_DAMAGED';

  constructor(directory: string, reason: string, options?: ErrorOptions) {
    super(`checkpoint in ${directory} is damaged: ${reason}`, { directory, reason }, options);
  }
}

/** Thrown when the checkpoint was written by a release with a newer format. */
export class CheckpointVersionError extends FlowTableError {
  readonly code = 'CHECKPOINT_VERSION';

  constructor(directory: string, version: number, supported: number) {
    super(
      `checkpoint in ${directory} has format version ${version}, this release reads version ${supported}`,
      { directory, version, supported },
    );
  }
}

/** Thrown when the checkpoint's database cannot be opened for a reason other than damage, such as a lock held by another process. */
export class CheckpointOpenError extends FlowTableError {
  readonly code = 'CHECKPOINT_OPEN';

  constructor(directory: string, options?: ErrorOptions) {
    super(`checkpoint in ${directory} cannot be opened`, { directory }, options);
  }
}

/** Thrown when a batch could not be written; the checkpoint stays failed, since what the disk has is unknown. */
export class CheckpointWriteError extends FlowTableError {
  readonly code = 'CHECKPOINT_WRITE';

  constructor(directory: string, options?: ErrorOptions) {
    super(`checkpoint in ${directory} cannot be written`, { directory }, options);
  }
}

/** Thrown when a checkpoint is used in a state that does not allow it: a round in a round, or after `close`. */
export class CheckpointStateError extends FlowTableError {
  readonly code = 'CHECKPOINT_STATE';

  constructor(operation: string, state: string) {
    super(`checkpoint cannot ${operation}: ${state}`, { operation, state });
  }
}

/** Thrown when the stream of a snapshot is not what a member made; `offset` names the byte behind which. */
export class FlowSnapshotDamagedError extends FlowTableError {
  readonly code = 'FLOW_SNAPSHOT_DAMAGED';

  constructor(offset: number, reason: string, options?: ErrorOptions) {
    super(`snapshot of flows is damaged at byte ${offset}: ${reason}`, { offset, reason }, options);
  }
}

/** Thrown when a snapshot was made by a release with a newer format. */
export class FlowSnapshotVersionError extends FlowTableError {
  readonly code = 'FLOW_SNAPSHOT_VERSION';

  constructor(version: number, supported: number) {
    super(
      `snapshot of flows has format version ${version}, this release reads version ${supported}; upgrade it`,
      { version, supported },
    );
  }
}
