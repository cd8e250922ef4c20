/** A counter that only rises; prom-client's `Counter` fits. */
export interface NetlinkCounter {
  inc(amount?: number): void;
}

/** A counter by errno name (`EEXIST`, `ENOENT` ...); prom-client's `Counter` with the label `errno` fits. */
export interface NetlinkErrnoCounter {
  inc(labels: { errno: string }, amount?: number): void;
}

/** What this package counts; handed in by the owner, or null. */
export interface NetlinkMetrics {
  /** Conntrack events handed to the owner. */
  readonly events: NetlinkCounter;
  /** Messages that did not parse and were skipped. */
  readonly malformedMessages: NetlinkCounter;
  /** Times that the kernel dropped events for want of receive buffer (ENOBUFS). */
  readonly overruns: NetlinkCounter;
  /** Times that the listener stopped reading because the owner was slow; the receive buffer takes over. */
  readonly ringFullWaits: NetlinkCounter;
  /** Messages sent to the kernel's table. */
  readonly commands: NetlinkCounter;
  /** Messages that the kernel refused. */
  readonly commandErrors: NetlinkErrnoCounter;
  readonly dumps: NetlinkCounter;
  readonly dumpedEntries: NetlinkCounter;
  /** Dumps during which the table changed under the walk (NLM_F_DUMP_INTR). */
  readonly interruptedDumps: NetlinkCounter;
}
