import type { ExpectationFields, FlowFields } from '@raftwall/flow-table';
import type { Outcome } from './cluster-state.ts';

/** What happened to a flow in the kernel. */
export const KernelEventKind = { new: 1, update: 2, destroy: 3 } as const;

/** Walks the events of one received batch. `entry` is one reused cell: it is valid until the next `next()`. */
export interface KernelEventCursor {
  next(): boolean;
  readonly kind: number;
  /** Port id of the program that caused the event; 0 for packets and timeouts. */
  readonly portId: number;
  readonly entry: FlowFields;
}

/** Walks the entries of one page of a dump. `entry` is one reused cell. */
export interface KernelEntryCursor {
  next(): boolean;
  readonly entry: FlowFields;
}

export interface KernelHandlers {
  readonly onEvents: (events: KernelEventCursor) => void;
  /** A helper expects something, or does so no more (`new`, `destroy`); told in its place among the events of flows. */
  readonly onExpectation: (kind: number, expectation: ExpectationFields) => void;
  /** So many messages did not parse and were skipped. */
  readonly onMalformed: (messages: number) => void;
  /** Events were lost: the kernel's table must be read again. */
  readonly onOverrun: () => void;
}

/** How a create or update message is made from a flow. */
export interface InjectOptions {
  readonly timeoutSeconds: number;
  /** Whether an update names status bits; the kernel refuses one that would take any back. */
  readonly withStatus: boolean;
}

/** Messages that go to the kernel in one send. Writing copies what it needs of `flow` at once. */
export interface KernelBatch {
  readonly count: number;
  /** Empties it. */
  reset(): void;
  create(flow: FlowFields, options: InjectOptions): void;
  update(flow: FlowFields, options: InjectOptions): void;
  /** Sets the time that an entry has left, and nothing else. */
  touch(flow: FlowFields, timeoutSeconds: number): void;
  delete(flow: FlowFields): void;
  /** Makes an expectation, whose life is then that of its helper's policy. */
  expect(expectation: ExpectationFields): void;
  /** Sets the remaining life of an expectation that is there. */
  limitExpectation(expectation: ExpectationFields): void;
  unexpect(expectation: ExpectationFields): void;
}

export type LookupBy = 'original' | 'reply';

/** The conntrack table of this node's network namespace. */
export interface Kernel {
  listen(handlers: KernelHandlers): Promise<void>;
  /** A batch for one owner, who uses it again and again. */
  newBatch(): KernelBatch;
  /** Sends the batch; resolves with one errno for each message in order, 0 for success. The array is reused. */
  execute(batch: KernelBatch): Promise<Int32Array>;
  /** Looks flows up; calls `found` for each that the kernel has, with its position among `flows`. */
  lookup(
    flows: readonly FlowFields[],
    by: LookupBy,
    found: (position: number, entry: FlowFields) => void,
  ): Promise<void>;
  /**
   * Reads the whole table page by page, the next page once `onPage` has resolved; resolves with whether the table
   * changed shape meanwhile (NLM_F_DUMP_INTR).
   */
  dump(
    onPage: (entries: KernelEntryCursor) => void | Promise<void>,
  ): Promise<{ interrupted: boolean }>;
  /** Reads the expectations of all helpers; the cell is reused. */
  dumpExpectations(found: (expectation: ExpectationFields) => void): Promise<void>;
  /** Entries now in the kernel's table. */
  count(): number;
  /** Entries beyond which a create evicts others (nf_conntrack_max), 0 for no limit. */
  countMax(): number;
  /** Looks whether this kernel tracks and translates, by address family (rule K15). */
  hooks(): KernelHooks;
  close(): Promise<void>;
}

/** What the kernel does with the packets of one address family. */
export interface FamilyHooks {
  /** Packets get entries: a datagram over loopback did. null: the family is switched off on this node. */
  readonly tracks: boolean | null;
  /** A NAT chain exists, without which entries translate nothing. */
  readonly translates: boolean;
}

export interface KernelHooks {
  readonly ipv4: FamilyHooks;
  readonly ipv6: FamilyHooks;
}

/** errno values that decide what the applier does next. */
export const Errno = {
  none: 0,
  enoent: 2,
  ebusy: 16,
  eexist: 17,
  einval: 22,
  enospc: 28,
  erange: 34,
  eopnotsupp: 95,
} as const;

export interface ConsensusMember {
  readonly id: string;
  readonly address: string;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly matchIndex: number | null;
  readonly reachable: boolean;
}

export interface ConsensusStatus {
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly leader: string | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly quorum: boolean;
  readonly members: readonly ConsensusMember[];
}

/** A change of who is a member. A member that is added gets the log and has no vote until it is promoted. */
export type MemberChange =
  | { readonly kind: 'add'; readonly id: string; readonly address: string }
  | { readonly kind: 'promote' | 'remove'; readonly id: string };

/** The replicated log as the replicator sees it. */
export interface Consensus {
  /** Resolves when this node has applied the command; rejects when it surely or possibly was not taken. */
  propose(command: Uint8Array): Promise<Outcome>;
  /** A commit index that the leader, confirmed by a quorum, named after the call. */
  readIndex(): Promise<number>;
  transferLeadership(target: string): Promise<void>;
  /** On the leader only; resolves when the change is committed. Rejects with one sentence on why it is not. */
  changeMembers(change: MemberChange): Promise<void>;
  status(): ConsensusStatus;
  /**
   * On the leader, milliseconds since it sent the newest heartbeats that a quorum has answered; infinite on others, and
   * where no mode needs it.
   */
  quorumAgeMs(): number;
  /** Calls back when role, leader or quorum may have changed. */
  onChange(listener: () => void): void;
}

export type VrrpState = 'MASTER' | 'BACKUP' | 'FAULT' | 'STOP' | 'UNKNOWN';

/** Who carries the traffic, as a level (rule A5): VRRP's word, or without VRRP the leader's role. */
export interface Activity {
  readonly state: VrrpState;
  /** First sign of MASTER: an instance of the group, or a virtual address on this node (rule K8). */
  readonly mastering: boolean;
  onChange(listener: () => void): void;
}

/** Tells VRRP whether this node may hold the virtual address. */
export interface ReadinessSink {
  set(value: 0 | 1 | 2): void;
  /** Says that the daemon runs (rule V3). */
  renew(): void;
  /** As VRRP reads it now. */
  readonly value: 0 | 1 | 2;
}

/** This node's own addresses (rule K1). */
export interface AddressSource {
  current(): readonly string[];
  onChange(listener: () => void): void;
}

/** How a machine is set up, as far as all members should be set up alike (rule K15). */
export interface HostFacts {
  /** Its wall clock when it was read, in milliseconds. */
  readonly wallClockMs: number;
  /** Values by name, at most a few kilobytes; what is long stands as a digest. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Monotonic time and timers, so that tests decide about time. */
export interface Clock {
  nowMs(): number;
  /** Calls back once; returns the way to cancel. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** Structured log; the daemon gives pino. */
export interface Logger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}
