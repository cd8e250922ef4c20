import {
  counter,
  DURATION_SECONDS,
  gauge,
  histogram,
  LATENCY_SECONDS,
} from './described-metrics.ts';

/** What the log's files measure. */
export const LOG_METRICS = {
  appendSeconds: histogram(
    'raftwall_log_append_seconds',
    'From an append to the log until it is durable, one observation for each batch',
    LATENCY_SECONDS,
  ),
  writtenBytes: counter(
    'raftwall_log_written_bytes_total',
    'Bytes of records and footers written to the log',
  ),
  segments: gauge('raftwall_log_segments', 'Segment files of the log'),
  segmentsUnprepared: counter(
    'raftwall_log_unprepared_segments_total',
    'Segments that were not preallocated in time',
  ),
  diskReads: counter(
    'raftwall_log_disk_reads_total',
    'Reads of entries that the cache of the log did not hold',
  ),
} as const;

/** What the store of snapshots measures. */
export const SNAPSHOT_METRICS = {
  createSeconds: histogram(
    'raftwall_snapshot_write_seconds',
    'From the first byte of an own snapshot until it is current',
    DURATION_SECONDS,
  ),
  resumedBytesTotal: counter(
    'raftwall_snapshot_resumed_bytes_total',
    'Bytes of snapshots that an earlier attempt to receive had left',
  ),
  currentIndex: gauge(
    'raftwall_snapshot_current_index',
    'Last log index in the current snapshot; 0 when there is none',
  ),
  currentBytes: gauge('raftwall_snapshot_current_bytes', 'Content of the current snapshot'),
} as const;

/** What writing the table to disk measures. */
export const CHECKPOINT_METRICS = {
  flowsTotal: counter('raftwall_checkpoint_flows_total', 'Flows written to the checkpoint'),
  tombstonesTotal: counter(
    'raftwall_checkpoint_tombstones_total',
    'Deletes written to the checkpoint',
  ),
  batchesTotal: counter('raftwall_checkpoint_batches_total', 'Synced writes of the checkpoint'),
  roundSeconds: histogram(
    'raftwall_checkpoint_round_seconds',
    'One round of the checkpoint, to its last synced batch',
    DURATION_SECONDS,
  ),
  batchSeconds: histogram(
    'raftwall_checkpoint_batch_seconds',
    'One synced write of the checkpoint',
    LATENCY_SECONDS,
  ),
  loadSeconds: histogram(
    'raftwall_checkpoint_load_seconds',
    'Reading the table from the checkpoint at a start',
    DURATION_SECONDS,
  ),
} as const;
