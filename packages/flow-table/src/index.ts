export {
  Checkpoint,
  type CheckpointDependencies,
  type CheckpointRound,
  discardCheckpoint,
  type LoadedCheckpoint,
} from './checkpoint.ts';
export type { CheckpointPosition } from './checkpoint-position.ts';
export { DigestHash } from './digest-hash.ts';
export {
  CheckpointDamagedError,
  CheckpointOpenError,
  CheckpointStateError,
  CheckpointVersionError,
  CheckpointWriteError,
  FlowCodecError,
  FlowCodecVersionError,
  FlowSnapshotDamagedError,
  FlowSnapshotVersionError,
  FlowTableError,
  FlowTableOptionError,
  FlowValueError,
  OperationLimitError,
} from './errors.ts';
export { type ExpectationFields, ExpectationRecord } from './expectation-record.ts';
export {
  type ExpectationObserver,
  ExpectationTable,
  expectationKey,
} from './expectation-table.ts';
export { DIGEST_RANGES, type DigestSummary, FlowDigest } from './flow-digest.ts';
export {
  FlowAttribute,
  type FlowFields,
  type FlowKeyFields,
  type SequenceAdjust,
} from './flow-fields.ts';
export {
  FAMILY_IPV4,
  FAMILY_IPV6,
  FLOW_KEY_BYTES_IPV4,
  FLOW_KEY_BYTES_IPV6,
  FLOW_KEY_BYTES_MAX,
  flowKeyLength,
  readFlowKey,
  writeFlowKey,
} from './flow-key.ts';
export { invertL4 } from './flow-payload.ts';
export { FlowRecord } from './flow-record.ts';
export { packFlowTable, unpackFlowTable } from './flow-snapshot.ts';
export {
  type ApplyCounts,
  type FlowChange,
  type FlowObserver,
  FlowTable,
  type FlowTableDependencies,
  type FlowTableUsage,
} from './flow-table.ts';
export type { CheckpointMetrics } from './metrics.ts';
export {
  OPERATION_BYTES_MAX,
  OPERATION_FORMAT_VERSION,
  OPERATION_FORMAT_VERSION_EXPECTATIONS,
  OPERATION_HEADER_BYTES,
  OperationKind,
} from './operation-codec.ts';
export { OperationReader, validateOperations } from './operation-reader.ts';
export { OperationWriter } from './operation-writer.ts';
export type {
  CheckpointOptions,
  FlowTableOptions,
  OperationWriterOptions,
} from './options.ts';
export { WordHash } from './word-hash.ts';
