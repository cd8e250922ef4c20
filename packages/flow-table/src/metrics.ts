interface Counter {
  inc(value: number): void;
}

interface Histogram {
  observe(value: number): void;
}

/** What the checkpoint reports; prom-client's counters and histograms fit. */
export interface CheckpointMetrics {
  /** Flows put, without tombstones. */
  flowsTotal: Counter;
  tombstonesTotal: Counter;
  batchesTotal: Counter;
  /** From the call to the last synced batch. */
  roundSeconds: Histogram;
  /** One synced write. */
  batchSeconds: Histogram;
  loadSeconds: Histogram;
}
