/** A counter that only grows; a subset of what metric libraries offer. */
export interface Counter {
  inc(by?: number): void;
}

/** What this package counts; `null` in its place counts nothing. */
export interface KeepalivedMetrics {
  /** Lines that were understood: `raftwall_vrrp_fifo_lines_total`. */
  readonly fifoLinesTotal: Counter;
  /** Lines that were not: `raftwall_vrrp_fifo_bad_lines_total`. */
  readonly fifoBadLinesTotal: Counter;
  /** Times the FIFO was replaced under us and opened again: `raftwall_vrrp_fifo_reopens_total`. */
  readonly fifoReopensTotal: Counter;
  /** Times the addresses contradicted the FIFO for longer than the settling time:
   * `raftwall_vrrp_contradictions_total`. */
  readonly contradictionsTotal: Counter;
}
