export type { Unlock } from './directory-lock.ts';
export * from './errors.ts';
export {
  type Fault,
  type FaultEffect,
  type FaultyCall,
  FaultyFileSystem,
} from './faulty-file-system.ts';
export { type FileSnapshotDependencies, FileSnapshotStore } from './file-snapshot-store.ts';
export { type Done, type FileSystem, nodeFileSystem } from './file-system.ts';
export type { SnapshotStoreMetrics, StorageMetrics } from './metrics.ts';
export {
  type FileSnapshotOptions,
  type SegmentLogOptions,
  type SegmentLogSettings,
  segmentLogDefaults,
} from './options.ts';
export {
  type RecoverDependencies,
  type RecoverOptions,
  type Recovery,
  recoverCluster,
} from './recover-cluster.ts';
export { type SegmentLogDependencies, SegmentLogStore } from './segment-log-store.ts';
