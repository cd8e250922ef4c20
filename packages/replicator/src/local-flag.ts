/** What this node alone knows of a row of the table: bits beside the row, in no log, digest or checkpoint. */
export const SlotFlag = {
  /** This kernel has the flow. */
  inKernel: 1 << 0,
  /** This process saw the flow in this kernel: only then may its absence mean its end (rule K9). */
  seenInKernel: 1 << 1,
  /** This kernel destroyed the flow while the node did not capture: it is not created again at promotion (rule K8). */
  destroyedHere: 1 << 2,
  /** Its key waits in the applier's queue. */
  queued: 1 << 3,
  /** A create found something in its way and was tried once more (rule K12). */
  retried: 1 << 4,
  /** The running dump has shown it. */
  dumped: 1 << 5,
  /** The dump before did not show it. */
  missedOnce: 1 << 6,
  /** The kernel refused its status bits; the next update leaves them out. */
  statusRefused: 1 << 7,
  /** The kernel refused this attribute of it; no later message carries it (rule K13). */
  helperRefused: 1 << 8,
  masterRefused: 1 << 9,
  labelsRefused: 1 << 10,
  /** Somebody deleted it here, and this node's kernel gets it back although it is the truth (rule K16). */
  restored: 1 << 11,
  /** This node wrote it into the kernel, where its TCP windows are not checked. */
  injected: 1 << 12,
} as const;
