import type { FlowTable } from '@raftwall/flow-table';
import type { ClusterState } from './cluster-state.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type { Activity, AddressSource, Clock, Kernel, Logger, ReadinessSink } from './ports.ts';

/** What one node's replicator works with: this machine's kernel and VRRP, and the replicated state. */
export interface ReplicatorDependencies {
  readonly kernel: Kernel;
  readonly activity: Activity;
  readonly addresses: AddressSource;
  readonly readinessSink: ReadinessSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly errnoName: (errno: number) => string;
  /** Name of the program behind a netlink port id, if it still lives (rule K16). */
  readonly programOf: (portId: number) => string | null;
  readonly state: ClusterState;
  readonly table: FlowTable;
}
