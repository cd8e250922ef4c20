import { FlowTableOptionError } from './errors.ts';

export interface OperationWriterOptions {
  /** Longest blob in bytes; default 1 MiB, 1 KiB to 64 MiB. */
  byteLengthMax: number;
}

export interface FlowTableOptions {
  /** Flows for which the index has room from the start; default 1024, 0 to 2^28. The table grows beyond and shrinks to it. */
  flowsExpected: number;
}

export interface CheckpointOptions {
  /** Flows (records and tombstones) in one atomic batch; default 4000, 1 to 100000. */
  flowsPerBatchMax: number;
  /** Flows put into a batch without letting other work run; default 1000, 1 to 100000. */
  flowsPerSliceMax: number;
  /** LevelDB's write buffer in bytes; default 4 MiB, 64 KiB to 256 MiB. A bigger one makes random puts slower. */
  writeBufferBytes: number;
}

const operationWriterDefaults: OperationWriterOptions = { byteLengthMax: 1024 * 1024 };

const flowTableDefaults: FlowTableOptions = { flowsExpected: 1024 };

const checkpointDefaults: CheckpointOptions = {
  flowsPerBatchMax: 4000,
  flowsPerSliceMax: 1000,
  writeBufferBytes: 4 * 1024 * 1024,
};

function checkInteger(option: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new FlowTableOptionError(option, value, `an integer from ${min} to ${max}`);
  }
}

/** Fills in defaults. @throws {FlowTableOptionError} If a value is out of range. */
export function resolveOperationWriterOptions(
  options: Partial<OperationWriterOptions>,
): Readonly<OperationWriterOptions> {
  const resolved = { ...operationWriterDefaults, ...options };
  checkInteger('byteLengthMax', resolved.byteLengthMax, 1024, 64 * 1024 * 1024);
  return Object.freeze(resolved);
}

/** Fills in defaults. @throws {FlowTableOptionError} If a value is out of range. */
export function resolveFlowTableOptions(
  options: Partial<FlowTableOptions>,
): Readonly<FlowTableOptions> {
  const resolved = { ...flowTableDefaults, ...options };
  checkInteger('flowsExpected', resolved.flowsExpected, 0, 2 ** 28);
  return Object.freeze(resolved);
}

/** Fills in defaults. @throws {FlowTableOptionError} If a value is out of range. */
export function resolveCheckpointOptions(
  options: Partial<CheckpointOptions>,
): Readonly<CheckpointOptions> {
  const resolved = { ...checkpointDefaults, ...options };
  checkInteger('flowsPerBatchMax', resolved.flowsPerBatchMax, 1, 100_000);
  checkInteger('flowsPerSliceMax', resolved.flowsPerSliceMax, 1, 100_000);
  checkInteger('writeBufferBytes', resolved.writeBufferBytes, 65_536, 256 * 1024 * 1024);
  return Object.freeze(resolved);
}
