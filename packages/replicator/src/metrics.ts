/** Counters that the replicator keeps; all start at 0 and only grow. The daemon shows them as `_total` metrics. */
export class ReplicatorCounters {
  readonly events = { new: 0, update: 0, destroy: 0 };
  /** Kernel messages that did not parse and were skipped. */
  malformedMessages = 0;
  /** Events of flows outside the domain (rule K1). */
  outsideDomain = 0;
  /** Events of flows that no traffic group selects (rule A6). */
  outsideGroups = 0;
  /** Events whose flow is not admitted yet (rule K4). */
  notAdmitted = 0;
  /** Flows that were not let in because the table is full (rule T3). */
  tableFull = 0;
  /** Flows read from the kernel because their events lack attributes, or came in an impossible order (K3, K4). */
  lookups = 0;
  /** Flows that another program deleted, by what became of them (rule K16). */
  readonly foreignDeletes: Record<string, number> = {};
  lookupsDropped = 0;
  /** Flows whose remaining time was committed (rule K14). */
  touches = 0;
  /** Operations proposed, after coalescing. */
  operationsProposed = 0;
  batchesProposed = 0;
  /** Times that capture gave up its sequence because too much was uncommitted (rule A2). */
  captureRestarts = 0;
  /** Operations in batches that apply refused, by reason (rules A1, A3). */
  readonly operationsRefused: Record<string, number> = {};
  readonly operationsApplied = { create: 0, update: 0, touch: 0, delete: 0, ignored: 0 };
  /** Messages to the kernel that failed, by errno. */
  readonly kernelFailures: Record<string, number> = {};
  /** Flows that the kernel took only without an attribute, by its name (rule K13). */
  readonly attributesRefused: Record<string, number> = {};
  /** Times that a flow was not injected because its sequence adjustment is not known (rule K13). */
  incomplete = 0;
  /** Expectations of helpers: proposed, without room to wait, brought into this kernel, and refused by it by errno. */
  expectationsProposed = 0;
  expectationsDropped = 0;
  expectationsInjected = 0;
  readonly expectationFailures: Record<string, number> = {};
  kernelCreates = 0;
  kernelUpdates = 0;
  kernelDeletes = 0;
  /** Holds that were ended when this node began to see the flows' packets (rule K14). */
  rearmed = 0;
  /** Keys that the applier's queue had no room for; a reconcile makes up for them. */
  applierDropped = 0;
  /** Flows that were not brought into the kernel because it is full (rule K15). */
  noRoom = 0;
  overruns = 0;
  reconciles = 0;
  reconcileRepairs = 0;
  /** Digests of another member's table that were compared with this one's, and those that differed (rule T6). */
  digestsCompared = 0;
  digestsDifferent = 0;
  /** Digests of this kernel that were compared with the table's while nothing was on its way, and those that differed. */
  kernelDigestsCompared = 0;
  kernelDigestsDifferent = 0;
  activationsAccepted = 0;
  activationsRefused = 0;
  /** Proposals of the node itself that failed and are tried again, by name. */
  readonly retries: Record<string, number> = {};
}

export function countBy(counts: Record<string, number>, label: string, by = 1): void {
  counts[label] = (counts[label] ?? 0) + by;
}
