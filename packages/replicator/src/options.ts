/** Which flows belong to replication (rule K1). */
export interface DomainOptions {
  /** IP protocol numbers that are replicated. */
  readonly protocols: readonly number[];
  /** Flows with an end in one of these prefixes stay local. */
  readonly ignorePrefixes: readonly string[];
  /** Only flows with an end in one of these prefixes are replicated; empty: all. */
  readonly onlyPrefixes: readonly string[];
  /** Only flows in one of these conntrack zones, in either direction, are replicated; empty: all. */
  readonly zones: readonly number[];
  /** Addresses that VRRP moves: nobody's own. */
  readonly virtualAddresses: readonly string[];
  /** Where the members listen: the members' own links never belong to replication. */
  readonly peerAddresses: readonly string[];
}

/** When a flow is worth replicating (rule K4). */
export type Admit = 'replied' | 'assured' | 'all';

/** What a delete by another program on the active node means (rule K16). */
export type ForeignDeletesOption = 'replicate' | 'restore';

/** A mark matches if it equals `value` in the bits of `mask`. */
export interface MarkMatch {
  readonly value: number;
  readonly mask: number;
}

export interface CaptureOptions {
  readonly admit: Admit;
  /** TCP flows are admitted in one of these states (enum tcp_conntrack); empty: in any. */
  readonly tcpStates: readonly number[];
  /** Flows are admitted with a mark that matches one of these; empty: with any. */
  readonly marks: readonly MarkMatch[];
  readonly foreignDeletes: ForeignDeletesOption;
  /** Operations that end a window early: a batch is applied in one go on every node. */
  readonly windowOperationsMax: number;
  /** Age of the oldest operation that ends a window while other batches are in flight, in milliseconds. */
  readonly windowMsMax: number;
  /** Batches proposed and not yet applied; beyond it capture goes on coalescing, and full windows wait in order. */
  readonly batchesInFlightMax: number;
  /** Flows with uncommitted operations; beyond it capture gives up its sequence and activates anew (rule A2). */
  readonly pendingFlowsMax: number;
  /** Flows that wait for a look-up in the kernel because their events lack attributes. */
  readonly lookupsMax: number;
  /** How long a DESTROY that a lost address may have caused is held (rule K6): at least three adverts of VRRP. */
  readonly destroyHoldMs: number;
  /** Such DESTROYs held at a time. */
  readonly heldDestroysMax: number;
  /** Expectations of helpers that wait for their flows; beyond it new ones are left to the next comparison. */
  readonly expectationsMax: number;
}

export const captureDefaults: CaptureOptions = {
  admit: 'replied',
  tcpStates: [],
  marks: [],
  foreignDeletes: 'replicate',
  windowOperationsMax: 2_000,
  windowMsMax: 5,
  batchesInFlightMax: 4,
  pendingFlowsMax: 65_536,
  lookupsMax: 8_192,
  destroyHoldMs: 1_000,
  heldDestroysMax: 262_144,
  expectationsMax: 8_192,
};

export interface ApplierOptions {
  /** Messages in one send to the kernel; more gains nothing and holds the command thread longer. */
  readonly batchMessagesMax: number;
  /** Bytes of waiting deletes; beyond it they are dropped and a reconcile is due. */
  readonly queueBytesMax: number;
  /** Added to the remaining time of every flow that is not ESTABLISHED TCP (rule K14). */
  readonly holdSeconds: number;
  /** Timeout of ESTABLISHED TCP flows: the kernel's own (nf_conntrack_tcp_timeout_established). */
  readonly tcpEstablishedSeconds: number;
  /** Least time that a flow gets when its hold is ended, unless it is closing: its newest touch may have been lost. */
  readonly rearmedSecondsMin: number;
}

export const applierDefaults: ApplierOptions = {
  batchMessagesMax: 100,
  queueBytesMax: 64 * 1024 * 1024,
  holdSeconds: 600,
  tcpEstablishedSeconds: 432_000,
  rearmedSecondsMin: 10,
};

/** How far this node fills its kernel (rule K15). */
export interface RoomOptions {
  /** Lowers the limit below nf_conntrack_max; null: that alone counts. */
  readonly entriesMax: number | null;
  /** Part of the limit up to which flows are created: over it the kernel evicts others for each. */
  readonly createShare: number;
  /** The same for ASSURED flows, which the kernel itself never evicts. */
  readonly assuredShare: number;
}

export const roomDefaults: RoomOptions = {
  entriesMax: null,
  createShare: 0.9,
  assuredShare: 0.97,
};

export interface HooksOptions {
  /** Pause between two looks at whether the kernel tracks and translates. */
  readonly intervalMs: number;
}

export const hooksDefaults: HooksOptions = { intervalMs: 1_000 };

export interface ReconcilerOptions {
  /** Pause between two background rounds, in milliseconds. */
  readonly intervalMs: number;
  /** The same on the active node, which must see a timeout renewed before it has run out elsewhere. */
  readonly activeIntervalMs: number;
  /** On the active node a pause is so many times as long as the round before, between the two above: bounded CPU. */
  readonly pausePerRound: number;
  /** A node that VRRP made MASTER for so long, without an activation, ends the holds in its kernel (rule K14). */
  readonly rearmAfterMasterMs: number;
  /** Flows not replicated yet whose end is remembered from dump to dump (rule K4); a power of two. */
  readonly deadlinesRemembered: number;
  /** How long a node must have been BACKUP and level before its kernel is cleaned (rule K10). */
  readonly cleanAfterBackupMs: number;
  /** Entries that one round may find in the way before it leaves the rest to the next. */
  readonly deletesMax: number;
}

export const reconcilerDefaults: ReconcilerOptions = {
  intervalMs: 30_000,
  activeIntervalMs: 10_000,
  pausePerRound: 20,
  rearmAfterMasterMs: 10_000,
  deadlinesRemembered: 1 << 18,
  cleanAfterBackupMs: 10_000,
  deletesMax: 100_000,
};

/** Who decides where the virtual address is: VRRP, the Raft leader, or only a leader with a live quorum. */
export type VrrpMode = 'follow' | 'lead' | 'strict';

export interface ActivityOptions {
  /** The active node asks for leadership after so much activity (rule A5), and twice as late after each refusal. */
  readonly leadershipAfterMs: number;
  /** Pause between signs of life of an active node without flow operations (rule K9). */
  readonly aliveIntervalMs: number;
  /** The leader releases the epoch of a holder that was out of contact for so long: an election timeout (rule A3). */
  readonly holderLostMs: number;
  /** How long members step back for a planned hand-over. */
  readonly handoverMs: number;
  /** In `strict` a leader may hold the address for so long after it sent heartbeats that a quorum answered (rule V8). */
  readonly leaseMs: number;
  /** In `strict` a leader that was deposed within its lease keeps its word for so long (rule V8). */
  readonly handoverGraceMs: number;
  /** A node that leaves in order waits so long for another one to take over (rule V4). */
  readonly leaveMs: number;
  /** How long members in contact are waited for to name their kernels (rule K9). */
  readonly rollCallMs: number;
  /** Pause before a proposal that failed is tried again. */
  readonly retryMs: number;
}

export const activityDefaults: ActivityOptions = {
  leadershipAfterMs: 3_000,
  aliveIntervalMs: 2_000,
  holderLostMs: 600,
  handoverMs: 3_000,
  leaseMs: 240,
  handoverGraceMs: 100,
  leaveMs: 5_000,
  rollCallMs: 2_000,
  retryMs: 50,
};

export interface ReadinessOptions {
  /** Pause between two questions to the leader while not ready. */
  readonly askIntervalMs: number;
  /** Without contact to a quorum for so long a node is not ready any more (rule V2), and activates anew later (rule V5). */
  readonly quorumLostMs: number;
  /** A kernel that is more entries than this behind the commit index, and for longer than that, is not ready (rule V2). */
  readonly lagEntriesMax: number;
  readonly lagMsMax: number;
  /** A node that starts as MASTER keeps VRRP's opinion of it for so long (rule V3); who is not ready by then says why in its log. */
  readonly deadlineMs: number;
  /** Pause between two signs of life of the daemon, by which keepalived knows that it runs (rule V3). */
  readonly signOfLifeMs: number;
}

export const readinessDefaults: ReadinessOptions = {
  askIntervalMs: 100,
  quorumLostMs: 3_000,
  lagEntriesMax: 10_000,
  lagMsMax: 1_000,
  deadlineMs: 15_000,
  signOfLifeMs: 500,
};

export interface ChecksOptions {
  /** Pause between two digests of the active node's table (rule T6). */
  readonly digestIntervalMs: number;
  /** How long a verification waits for members that do not answer. */
  readonly answerMs: number;
  /** The same of a survey, whose answers take a member far less time. */
  readonly surveyMs: number;
  /** Differences that a verification finds are looked at once more after so long. */
  readonly settleMs: number;
  /** Differences that one member's answer names; all are counted. At most 4,000. */
  readonly differencesMax: number;
  /** Flows of differing key ranges that are compared one by one; ranges beyond are only counted. */
  readonly listedFlowsMax: number;
}

export const checksDefaults: ChecksOptions = {
  digestIntervalMs: 10_000,
  answerMs: 60_000,
  surveyMs: 15_000,
  settleMs: 1_500,
  differencesMax: 1_000,
  listedFlowsMax: 20_000,
};

/** What moves as one between nodes (rule A6). */
export interface GroupOptions {
  readonly name: string;
  /** Which flows belong to it; null for the only group, which has all. */
  readonly select: GroupSelector | null;
  /** Addresses that move with it; without them the loss of any address is its own (rule K6). */
  readonly virtualAddresses: readonly string[];
}

/** A flow is selected by any of these zones and by any of these prefixes that either tuple touches. */
export interface GroupSelector {
  readonly zones: readonly number[];
  readonly prefixes: readonly string[];
}

/** Everything that a `Replicator` can be told; sections have their defaults beside their types. */
export interface ReplicatorOptions {
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
  /** At least one; the same on all members (rule A6). */
  readonly groups: readonly GroupOptions[];
  readonly kernelIncarnation: string;
  /** How VRRP moves an address; null without it: activity follows leadership. */
  readonly vrrpMode: VrrpMode | null;
  readonly domain: DomainOptions;
  readonly capture: CaptureOptions;
  readonly applier: ApplierOptions;
  readonly room: RoomOptions;
  readonly hooks: HooksOptions;
  readonly reconciler: ReconcilerOptions;
  readonly checks: ChecksOptions;
  readonly activity: ActivityOptions;
  readonly readiness: ReadinessOptions;
}
