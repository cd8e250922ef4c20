/** What one node knows of itself and its cluster: the one read model behind API, CLI, metrics and dashboard. */
export interface NodeStatus {
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly leader: string | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Log index up to which this node's kernel is level, in every traffic group; equal to `appliedIndex` on the active node. */
  readonly kernelIndex: number;
  /** Flows in the replicated table. */
  readonly flows: number;
  /** Active node of the first traffic group, or null before any activation. */
  readonly active: string | null;
  /** Epoch of the first traffic group: number of its newest accepted activation, 0 before any. */
  readonly epoch: number;
  /** Votes and keeps the log, and has nothing to do with a kernel (rule V10). */
  readonly witness: boolean;
  /** May take over every traffic group. */
  readonly ready: boolean;
  /** One sentence that says what is missing; null when ready. */
  readonly notReadyReason: string | null;
  /** Whether this node is in contact with a quorum. */
  readonly quorum: boolean;
  readonly vrrp: VrrpStatus | null;
  readonly capture: CaptureStatus;
  readonly groups: readonly GroupStatus[];
  readonly members: readonly MemberStatus[];
  /** How far the verification has come that this node was asked for; null while there is none. */
  readonly verifying: {
    /** Kernels are compared with their tables, or tables with one another. */
    readonly phase: 'kernels' | 'tables';
    readonly answered: number;
    readonly asked: number;
  } | null;
  /** Kernel side: entries the applier could not bring into the kernel, by errno name, and what reconcile does now. */
  readonly kernel: KernelStatus;
}

export interface VrrpStatus {
  readonly mode: 'follow' | 'lead' | 'strict';
  readonly state: 'MASTER' | 'BACKUP' | 'FAULT' | 'STOP' | 'UNKNOWN';
  /** Another node that is MASTER too holds the epoch (rule A3). */
  readonly splitVip: boolean;
  readonly trackFileValue: number;
}

/** Of the first traffic group where there are several. */
export interface CaptureStatus {
  /** Sequence number of the newest batch proposed in the current epoch, 0 when none. */
  readonly lastProposed: number;
  /** Sequence number of the newest own batch applied, 0 when none. */
  readonly lastApplied: number;
  /** Age of the oldest operation that is not committed yet, in milliseconds; 0 when none waits. */
  readonly oldestUncommittedMs: number;
}

export interface GroupStatus {
  readonly name: string;
  readonly active: string | null;
  readonly epoch: number;
  readonly released: boolean;
  readonly nextSequence: number;
  /** This node's part in it; null on a witness. */
  readonly local: LocalGroupStatus | null;
}

/** What one node is in one traffic group. */
export interface LocalGroupStatus {
  /** Whether this node may take the group over. */
  readonly ready: boolean;
  /** One sentence that says what is missing; null when ready. */
  readonly notReadyReason: string | null;
  /** Log index up to which this node's kernel has the group's flows. */
  readonly kernelIndex: number;
  readonly vrrp: VrrpStatus | null;
  readonly capture: CaptureStatus;
}

export interface MemberStatus {
  readonly id: string;
  readonly address: string;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  /** Known on the leader, null elsewhere. */
  readonly matchIndex: number | null;
  readonly reachable: boolean;
  /** Whether the member committed that its kernel is level (rule K9). */
  readonly level: boolean;
  /** Whether it said last that it may take the virtual address over. */
  readonly ready: boolean;
  readonly witness: boolean;
}

export interface KernelStatus {
  /** Another member whose table this one's was last found to differ from, and at which log index (rule T6); null: equal. */
  readonly tableDifference: { readonly node: string; readonly index: number } | null;
  readonly entriesInKernel: number | null;
  /** Entries that this kernel may hold (rule K15); null: no limit. */
  readonly entriesMax: number | null;
  readonly queued: number;
  readonly failuresByErrno: Readonly<Record<string, number>>;
  readonly overruns: number;
  readonly reconciling: boolean;
  /** How far the comparison that runs has come; null when none runs. */
  readonly reconcileProgress: {
    readonly reason: string;
    readonly entries: number;
    readonly entriesExpected: number;
    readonly rows: number;
    readonly rowsExpected: number;
  } | null;
  readonly lastReconcile: {
    readonly reason: string;
    readonly created: number;
    readonly updated: number;
    readonly deleted: number;
    readonly durationMs: number;
  } | null;
}
