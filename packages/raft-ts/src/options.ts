import type { CoreOptions } from './core/state.ts';
import type { NodeId } from './core/types.ts';
import { InvalidOptionError } from './errors.ts';

/** Times of a cluster, equal on all members. */
export interface TimingOptions {
  /** Milliseconds between two heartbeats of the leader. */
  readonly heartbeatMs: number;
  /** The election timeout is drawn anew each time between these two; at least three heartbeats. */
  readonly electionTimeoutMsMin: number;
  readonly electionTimeoutMsMax: number;
}

/** Named timings. The largest election timeout plus 100 ms must be below VRRP's master-down interval where that is used. */
export const timingProfiles = {
  default: { heartbeatMs: 75, electionTimeoutMsMin: 300, electionTimeoutMsMax: 600 },
  fast: { heartbeatMs: 50, electionTimeoutMsMin: 150, electionTimeoutMsMax: 300 },
  slow: { heartbeatMs: 250, electionTimeoutMsMin: 1000, electionTimeoutMsMax: 2000 },
} as const satisfies Record<string, TimingOptions>;

/** Ticks of the core in one heartbeat: the granularity of all its times. */
const ticksPerHeartbeat = 5;

/** Limits; every queue of a member has one. */
export interface LimitOptions {
  /** Data of one append request, bytes; one entry is sent even if it is larger. */
  readonly appendBytesMax: number;
  /** Append requests on their way to one member. */
  readonly inflightMessagesMax: number;
  /** Their bytes. */
  readonly inflightBytesMax: number;
  /** Data of one entry, bytes: above it `EntryTooLargeError`. */
  readonly entryBytesMax: number;
  /** Data that the leader has appended and not committed, bytes: above it `BusyError`. */
  readonly uncommittedBytesMax: number;
  /** Data handed to the state machine in one go, bytes; it is cut into slices by time. */
  readonly applyBytesMax: number;
  /** Newest part of the log that is kept in memory, bytes. */
  readonly tailBytesMax: number;
  /** Proposals of this member that wait for their outcome: above it `BusyError`. */
  readonly proposalsMax: number;
  /** Read indexes that wait: above it `BusyError`. */
  readonly readsMax: number;
  /** Members that are sent a snapshot at the same time; others wait. */
  readonly snapshotTransfersMax: number;
}

/** The limits that hold where no others are given. */
export const defaultLimits: LimitOptions = Object.freeze({
  appendBytesMax: 256 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 8 * 1024 * 1024,
  entryBytesMax: 4 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  applyBytesMax: 1024 * 1024,
  tailBytesMax: 16 * 1024 * 1024,
  proposalsMax: 262_144,
  readsMax: 65_536,
  snapshotTransfersMax: 2,
});

/** What one member of a group is told; `members`, `timing` and `limits` are equal on all members. */
export interface RaftNodeOptions {
  readonly id: NodeId;
  /** The first voters and where they listen, equal on all members; later configurations come from the log. */
  readonly members: Readonly<Record<NodeId, string>>;
  /** A profile's name or own figures; `default` when absent. */
  readonly timing?: keyof typeof timingProfiles | TimingOptions;
  readonly limits?: Partial<LimitOptions>;
  /** Milliseconds until a proposal without an outcome is rejected as unknown; 10,000. */
  readonly proposalTimeoutMs?: number;
  /** Milliseconds until a read index that nobody confirms is rejected; 5,000. */
  readonly readTimeoutMs?: number;
  /**
   * Allows reads by lease: in a given time the clock of one member counts at most this fraction more than that of another,
   * 0 or more. Equal on all members; null when absent: no leases, and `readIndex` asks a quorum each time.
   */
  readonly leaseDriftMax?: number | null;
  /**
   * Learners that the leader makes voters when they are level: all, or those for which it is true. None when absent: `promote`
   * does it.
   */
  readonly autoPromote?: boolean | ((id: NodeId) => boolean);
  /** Longest time that applying may hold the loop in one go, milliseconds; 2. */
  readonly applySliceMs?: number;
  /** Entries that compaction always leaves, so that a member that is a little behind needs no snapshot; 4,096. */
  readonly compactionTrailingEntries?: number;
  /**
   * Applied entries after which a snapshot is taken and the log compacted; null when absent: only on demand, for a state
   * machine whose own storage is durable.
   */
  readonly snapshotEntriesMax?: number | null;
  /** Bytes of their data after which the same happens; null when absent. */
  readonly snapshotBytesMax?: number | null;
}

/** Options with their defaults filled in and checked. */
export interface ResolvedOptions {
  readonly id: NodeId;
  readonly members: Readonly<Record<NodeId, string>>;
  readonly timing: TimingOptions;
  readonly tickMs: number;
  readonly limits: LimitOptions;
  readonly proposalTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly leaseDriftMax: number | null;
  readonly autoPromote: ((id: NodeId) => boolean) | null;
  readonly applySliceMs: number;
  readonly compactionTrailingEntries: number;
  readonly snapshotEntriesMax: number | null;
  readonly snapshotBytesMax: number | null;
}

function assertPositive(option: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new InvalidOptionError(option, 'a number above 0', value);
  }
}

function assertTiming(timing: TimingOptions): void {
  assertPositive('timing.heartbeatMs', timing.heartbeatMs);
  const { electionTimeoutMsMin, electionTimeoutMsMax, heartbeatMs } = timing;
  if (!(electionTimeoutMsMin >= 3 * heartbeatMs)) {
    const allowed = `at least three heartbeats (${3 * heartbeatMs})`;
    throw new InvalidOptionError('timing.electionTimeoutMsMin', allowed, electionTimeoutMsMin);
  }
  if (!(electionTimeoutMsMax > electionTimeoutMsMin && Number.isFinite(electionTimeoutMsMax))) {
    const allowed = `above electionTimeoutMsMin (${electionTimeoutMsMin})`;
    throw new InvalidOptionError('timing.electionTimeoutMsMax', allowed, electionTimeoutMsMax);
  }
}

function resolveTiming(timing: RaftNodeOptions['timing']): TimingOptions {
  if (typeof timing === 'object') return timing;
  const profile = timingProfiles[timing ?? 'default'];
  if (profile === undefined) {
    throw new InvalidOptionError('timing', Object.keys(timingProfiles).join(', '), timing);
  }
  return profile;
}

function resolveAutoPromote(
  option: RaftNodeOptions['autoPromote'],
): ResolvedOptions['autoPromote'] {
  if (typeof option === 'function') return option;
  return option === true ? () => true : null;
}

/** Fills in defaults and checks. @throws {InvalidOptionError} If a value cannot work. */
export function resolveOptions(options: RaftNodeOptions): ResolvedOptions {
  const timing = resolveTiming(options.timing);
  assertTiming(timing);
  const limits = { ...defaultLimits, ...options.limits };
  for (const [name, value] of Object.entries(limits)) assertPositive(`limits.${name}`, value);
  if (options.id.length === 0) throw new InvalidOptionError('id', 'not empty', options.id);
  if (Object.keys(options.members).length === 0) {
    throw new InvalidOptionError('members', 'at least one member', '{}');
  }
  const resolved = {
    id: options.id,
    members: options.members,
    timing,
    tickMs: timing.heartbeatMs / ticksPerHeartbeat,
    limits,
    proposalTimeoutMs: options.proposalTimeoutMs ?? 10_000,
    readTimeoutMs: options.readTimeoutMs ?? 5_000,
    leaseDriftMax: options.leaseDriftMax ?? null,
    autoPromote: resolveAutoPromote(options.autoPromote),
    applySliceMs: options.applySliceMs ?? 2,
    compactionTrailingEntries: options.compactionTrailingEntries ?? 4096,
    snapshotEntriesMax: options.snapshotEntriesMax ?? null,
    snapshotBytesMax: options.snapshotBytesMax ?? null,
  };
  for (const name of ['snapshotEntriesMax', 'snapshotBytesMax'] as const) {
    if (resolved[name] !== null) assertPositive(name, resolved[name]);
  }
  const { leaseDriftMax } = resolved;
  if (leaseDriftMax !== null && !(leaseDriftMax >= 0 && Number.isFinite(leaseDriftMax))) {
    throw new InvalidOptionError('leaseDriftMax', '0 or more', leaseDriftMax);
  }
  assertPositive('proposalTimeoutMs', resolved.proposalTimeoutMs);
  assertPositive('readTimeoutMs', resolved.readTimeoutMs);
  assertPositive('applySliceMs', resolved.applySliceMs);
  if (!(resolved.compactionTrailingEntries >= 0)) {
    const value = resolved.compactionTrailingEntries;
    throw new InvalidOptionError('compactionTrailingEntries', 'at least 0', value);
  }
  return resolved;
}

/** How long a leader's lease lasts, milliseconds; null without leases. */
export function leaseMs({ leaseDriftMax, timing, tickMs }: ResolvedOptions): number | null {
  if (leaseDriftMax === null) return null;
  // A follower that heard the leader just before a tick keeps its promise for one tick less.
  const promiseMs = timing.electionTimeoutMsMin - tickMs;
  return promiseMs / (1 + leaseDriftMax);
}

/** The core counts in ticks. */
export function coreOptions(options: ResolvedOptions): CoreOptions {
  const { timing, tickMs, limits } = options;
  return {
    id: options.id,
    heartbeatTicks: ticksPerHeartbeat,
    electionTicksMin: Math.ceil(timing.electionTimeoutMsMin / tickMs),
    electionTicksMax: Math.floor(timing.electionTimeoutMsMax / tickMs),
    preVote: true,
    checkQuorum: true,
    lease: options.leaseDriftMax !== null,
    appendBytesMax: limits.appendBytesMax,
    inflightMessagesMax: limits.inflightMessagesMax,
    inflightBytesMax: limits.inflightBytesMax,
    entryBytesMax: limits.entryBytesMax,
    uncommittedBytesMax: limits.uncommittedBytesMax,
    applyBytesMax: limits.applyBytesMax,
    tailBytesMax: limits.tailBytesMax,
  };
}
