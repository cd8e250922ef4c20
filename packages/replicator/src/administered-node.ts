import type { FlowFields, FlowTable } from '@raftwall/flow-table';
import type { ActivationLog } from './activation-log.ts';
import type { ClusterState } from './cluster-state.ts';
import type { DigestWatch } from './digest-watch.ts';
import type { EventLog } from './event-log.ts';
import type { GroupSelectors } from './group-selectors.ts';
import type { Clock, Consensus } from './ports.ts';
import type { LocalGroupStatus, NodeStatus } from './status.ts';
import type { Survey } from './survey.ts';
import type { Verification } from './verification.ts';

/** What of a node's status depends on whether it carries traffic at all. */
export interface KernelSide
  extends Pick<
    NodeStatus,
    'witness' | 'kernelIndex' | 'ready' | 'notReadyReason' | 'vrrp' | 'capture' | 'kernel'
  > {
  /** Its part in each traffic group, by name; none on a witness. */
  readonly locals: ReadonlyMap<string, LocalGroupStatus>;
}

/** A member that people may ask and command: a firewall, or a witness. */
export interface AdministeredNode {
  readonly options: {
    readonly cluster: string;
    readonly node: string;
    readonly version: string;
    /** At least one. */
    readonly groups: readonly { readonly name: string }[];
  };
  readonly dependencies: {
    readonly state: ClusterState;
    readonly table: FlowTable;
    readonly clock: Clock;
  };
  readonly selectors: GroupSelectors;
  readonly events: EventLog;
  readonly activations: ActivationLog;
  readonly appliedIndex: number;
  readonly parts: {
    readonly consensus: Consensus;
    readonly verification: Verification;
    readonly survey: Survey;
    readonly digestWatch: DigestWatch;
  };
  /** @param mode VRRP's, null without VRRP. */
  kernelSide(mode: 'follow' | 'lead' | 'strict' | null): KernelSide;
  /** Ends flows of the table, at most some hundred; resolves with how many this kernel had. Rejects with a `RefusalError`. */
  deleteFlows(flows: readonly FlowFields[]): Promise<number>;
  reconcileNow(reason: string): Promise<void>;
  /** Carries nothing any more until `undrain`; resolves when another node does. Rejects with a `RefusalError`. */
  drain(): Promise<void>;
  undrain(): void;
}
