import type { MemberChange } from './ports.ts';
import type { NodeStatus } from './status.ts';

/** One end of a flow as people read it. `sport`/`dport` are absent for protocols without ports. */
export interface TupleView {
  readonly src: string;
  readonly dst: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly icmpId?: number;
}

/** One flow as the API shows it (contract: `raftwall flows --json`). */
export interface FlowView {
  readonly family: 'ipv4' | 'ipv6';
  /** Lower-case name (`tcp`, `udp`, `icmp`, ...) or the number as text. */
  readonly protocol: string;
  readonly zone: number;
  readonly original: TupleView;
  readonly reply: TupleView;
  /** TCP, SCTP or DCCP state in the kernel's spelling (`ESTABLISHED`), null for other protocols. */
  readonly state: string | null;
  /** Names of the status bits in the kernel's order, e.g. `SEEN_REPLY`, `ASSURED`, `CONFIRMED`, `SRC_NAT`. */
  readonly status: readonly string[];
  readonly timeoutSeconds: number;
  readonly mark: number;
  /** The node whose kernel is the truth for the flow. */
  readonly node: string | null;
}

/** All given conditions must hold; absent ones do not restrict. */
export interface FlowQuery {
  readonly proto?: string;
  /** Address or CIDR prefix of the original source. */
  readonly src?: string;
  /** Address or CIDR prefix of the original destination. */
  readonly dst?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly state?: string;
  readonly zone?: number;
  readonly mark?: number;
  /** At most so many flows. */
  readonly limit?: number;
}

/** A part of a listing. */
export interface FlowPage {
  readonly flows: readonly FlowView[];
  /** Where the next part begins; null behind the last. Means something only to the run of the daemon that gave it. */
  readonly next: number | null;
}

/** An activation as it was decided when it was applied (rule A3), the same on every member. */
export interface ActivationView {
  readonly index: number;
  readonly group: string;
  readonly epoch: number;
  readonly node: string;
  readonly accepted: boolean;
  readonly refusedReason: string | null;
}

/** Flows that one side lacks, has too many, and has otherwise than the other. */
export interface DifferenceCounts {
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
}

/** One flow in which a member's kernel differs from its table, or its table from that of the reference. */
export interface DifferenceView {
  readonly place: 'kernel' | 'table';
  readonly kind: 'missing' | 'extra' | 'different';
  /** Attributes that are `different`, such as `mark`. */
  readonly attributes: readonly string[];
  /** As the member has it; if it is `missing`, as it should be. */
  readonly flow: FlowView;
}

/** The counts of the report itself are of its kernel against its table. */
export interface VerifyNodeReport extends DifferenceCounts {
  readonly node: string;
  /** Whether the member has said what it found; one that has not is not known to be equal. */
  readonly answered: boolean;
  /** Key ranges, of 256, in which its table differs from that of the reference, at one log index. */
  readonly tableRanges: number;
  /** Its table against that of the reference, in the ranges that were compared flow by flow. */
  readonly table: DifferenceCounts;
  /** The first of all these, one by one; how many more there are is counted. */
  readonly differences: readonly DifferenceView[];
}

/** Each member's kernel against its table, and the tables of the members against one another. */
export interface VerifyReport {
  readonly equal: boolean;
  /** With whose table the others were compared: the active node, or the node that was asked. */
  readonly reference: string;
  /** Key ranges that were compared flow by flow; those beyond a bound are only counted. */
  readonly rangesCompared: number;
  readonly nodes: readonly VerifyNodeReport[];
}

/** What a member said of its machine. */
export interface SurveyNodeReport {
  readonly node: string;
  readonly answered: boolean;
  /** Its wall clock when it answered, in milliseconds; 0 if it did not. */
  readonly wallClockMs: number;
  /** Settings by name: `sysctl NAME`, `config KEY`, `ruleset TABLE` (a digest), `helpers`. */
  readonly facts: Readonly<Record<string, string>>;
}

/** How every member is set up (rule K15). */
export interface SurveyReport {
  /** How long the answers took: wall clocks cannot be compared more closely. */
  readonly durationMs: number;
  readonly nodes: readonly SurveyNodeReport[];
}

/** Thrown by `AdminPort` methods that refuse: `message` is one sentence for people, `code` one word for programs. */
export interface AdminRefusal extends Error {
  readonly code:
    | 'unknown-member'
    | 'not-ready'
    | 'no-quorum'
    | 'transfer-failed'
    | 'not-leader'
    | 'member-change-failed'
    | 'not-active'
    | 'unsupported';
}

/** What the admin API needs of a running node. */
export interface AdminPort {
  status(): NodeStatus;
  /** Flows page by page, at most `pageSize` at a time, so that a long list never holds the loop. */
  flows(query: FlowQuery, pageSize: number): AsyncIterable<readonly FlowView[]>;
  /** Some of the flows, from a cursor on; rows that appear behind the cursor meanwhile are not seen. */
  flowPage(query: FlowQuery, cursor: number, limit: number): Promise<FlowPage>;
  /** Ends all flows that match; resolves with how many. Rejects with an `AdminRefusal`. */
  deleteFlows(query: FlowQuery): Promise<number>;
  /** Resolves when this node shows everything that was committed before the call. Rejects with an `AdminRefusal`. */
  barrier(): Promise<void>;
  /** Newest last, bounded. */
  activations(): readonly ActivationView[];
  /** Moves leadership and, where VRRP follows, the virtual address, once the target is level. Rejects with an `AdminRefusal`. */
  transfer(target: string): Promise<void>;
  /** Hands everything over and carries nothing until `undrain`, also not by accident. Rejects with an `AdminRefusal`. */
  drain(): Promise<void>;
  undrain(): Promise<void>;
  /** Changes who is a member; only the leader does it. Rejects with an `AdminRefusal`. */
  changeMembers(change: MemberChange): Promise<void>;
  /** Compares kernel and table of every member, and the tables; `repair` mends the kernels first. Rejects with an `AdminRefusal`. */
  verify(repair: boolean): Promise<VerifyReport>;
  /** Asks every member how its machine is set up. Rejects with an `AdminRefusal`. */
  survey(): Promise<SurveyReport>;
  /** Runs a full reconcile of the kernel and resolves when it is done. */
  reconcile(reason: string): Promise<void>;
  /** Calls back at every change that a watching person would want to see; returns the way to stop. */
  onEvent(listener: (event: NodeEvent) => void): () => void;
}

/** A line of the event stream (`GET /v1/events`). Times are wall-clock milliseconds, for people only. */
export interface NodeEvent {
  readonly atMs: number;
  readonly kind:
    | 'role'
    | 'leader'
    | 'activation'
    | 'vrrp'
    | 'ready'
    | 'reconcile'
    | 'snapshot'
    | 'storage';
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}
