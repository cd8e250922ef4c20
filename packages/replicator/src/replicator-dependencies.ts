import type { FlowTable } from '@raftwall/flow-table';
import type { ClusterState } from './cluster-state.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type {
  Activity,
  AddressSource,
  Clock,
  HostFacts,
  Kernel,
  Logger,
  ReadinessSink,
} from './ports.ts';

/** How VRRP and this node speak of one traffic group. */
export interface GroupPorts {
  readonly activity: Activity;
  readonly readinessSink: ReadinessSink;
}

/** What one node's replicator works with: this machine's kernel, and the replicated state. */
export interface ReplicatorDependencies {
  readonly kernel: Kernel;
  readonly portsOf: (group: string) => GroupPorts;
  readonly addresses: AddressSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly errnoName: (errno: number) => string;
  /** Name of the program behind a netlink port id, if it still lives (rule K16). */
  readonly programOf: (portId: number) => string | null;
  /** What this machine says of itself, for comparison with the others' (rule K15). */
  readonly hostFacts: () => Promise<HostFacts>;
  readonly state: ClusterState;
  readonly table: FlowTable;
}
