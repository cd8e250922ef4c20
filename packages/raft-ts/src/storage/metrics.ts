import type { Counter, Gauge, Histogram } from '../metrics.ts';

/** What a `SegmentLogStore` counts. Any Prometheus client's metrics fit. */
export interface StorageMetrics {
  /** Append to durable, in seconds, one observation for each batch. */
  readonly appendSeconds: Histogram;
  /** Bytes of records and footers written. */
  readonly writtenBytes: Counter;
  readonly segments: Gauge;
  /** Segments that were not ready in time, so that an append went to a file that was not preallocated. */
  readonly segmentsUnprepared: Counter;
  /** Reads of entries that the cache did not hold. */
  readonly diskReads: Counter;
}

/** What a `FileSnapshotStore` counts. */
export interface SnapshotStoreMetrics {
  /** From the call of `create` until the snapshot is current, in seconds. */
  readonly createSeconds: Histogram;
  /** Content that an earlier attempt to receive had left, so that it was not sent again. */
  readonly resumedBytesTotal: Counter;
  /** Last index of the current snapshot; 0 when there is none. */
  readonly currentIndex: Gauge;
  /** Its content. */
  readonly currentBytes: Gauge;
}
