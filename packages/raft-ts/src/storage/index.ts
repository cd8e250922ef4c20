export type { Unlock } from './directory-lock.ts';
export * from './errors.ts';
export {
  type Fault,
  type FaultEffect,
  type FaultyCall,
  FaultyFileSystem,
} from './faulty-file-system.ts';
export { type Done, type FileSystem, nodeFileSystem } from './file-system.ts';
export type { Gauge, StorageMetrics } from './metrics.ts';
export { type SegmentLogOptions, type SegmentLogSettings, segmentLogDefaults } from './options.ts';
export { type SegmentLogDependencies, SegmentLogStore } from './segment-log-store.ts';
