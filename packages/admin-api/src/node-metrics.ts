import type { AdminPort, GroupStatus, NodeStatus } from '@raftwall/replicator';
import { Gauge, type Registry } from 'prom-client';

interface NodeGauge {
  readonly name: string;
  readonly help: string;
  readonly read: (status: NodeStatus) => number;
}

const GAUGES: readonly NodeGauge[] = [
  { name: 'raftwall_flows', help: 'Flows in the replicated table', read: (it) => it.flows },
  {
    name: 'raftwall_ready',
    help: '1 if the kernel of this node is level, so that it may take over',
    read: (it) => Number(it.ready),
  },
  {
    name: 'raftwall_witness',
    help: '1 if this node votes and keeps the log, and has no kernel',
    read: (it) => Number(it.witness),
  },
  {
    name: 'raftwall_quorum',
    help: '1 if this node is in contact with a quorum',
    read: (it) => Number(it.quorum),
  },
  {
    name: 'raftwall_leader',
    help: '1 if this node is the Raft leader',
    read: (it) => Number(it.role === 'leader'),
  },
  { name: 'raftwall_term', help: 'Raft term', read: (it) => it.term },
  { name: 'raftwall_commit_index', help: 'Raft commit index', read: (it) => it.commitIndex },
  {
    name: 'raftwall_applied_index',
    help: 'Log index applied to the table',
    read: (it) => it.appliedIndex,
  },
  {
    name: 'raftwall_kernel_index',
    help: 'Log index up to which the kernel is level',
    read: (it) => it.kernelIndex,
  },
  {
    name: 'raftwall_kernel_queued_commands',
    help: 'Commands that wait for the kernel',
    read: (it) => it.kernel.queued,
  },
  {
    name: 'raftwall_kernel_entries',
    help: 'Entries in the connection-tracking table of the kernel',
    read: (it) => it.kernel.entriesInKernel ?? 0,
  },
  {
    name: 'raftwall_kernel_entries_max',
    help: 'Entries that the kernel may hold; 0: no limit',
    read: (it) => it.kernel.entriesMax ?? 0,
  },
];

interface GroupGauge {
  readonly name: string;
  readonly help: string;
  readonly read: (group: GroupStatus, status: NodeStatus) => number;
}

/** By traffic group. */
const GROUP_GAUGES: readonly GroupGauge[] = [
  {
    name: 'raftwall_active',
    help: '1 if this node is the active node of the traffic group',
    read: (it, { node }) => Number(it.active === node),
  },
  { name: 'raftwall_epoch', help: 'Epoch of the traffic group', read: (it) => it.epoch },
  {
    name: 'raftwall_group_ready',
    help: '1 if this node may take the traffic group over',
    read: (it) => Number(it.local?.ready === true),
  },
  {
    name: 'raftwall_oldest_uncommitted_seconds',
    help: 'Age of the oldest captured operation that is not committed',
    read: (it) => (it.local?.capture.oldestUncommittedMs ?? 0) / 1000,
  },
  {
    name: 'raftwall_split_vip',
    help: '1 if another node that is VRRP master too holds the epoch',
    read: (it) => Number(it.local?.vrrp?.splitVip === true),
  },
];

/** Adds the gauges that the status has values for; they are read when somebody scrapes. */
export function registerNodeMetrics(registry: Registry, node: Pick<AdminPort, 'status'>): void {
  for (const { name, help, read } of GAUGES) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(node.status()));
      },
    });
  }
  for (const { name, help, read } of GROUP_GAUGES) {
    new Gauge({
      name,
      help,
      labelNames: ['group'],
      registers: [registry],
      collect() {
        this.reset();
        const status = node.status();
        for (const group of status.groups) this.set({ group: group.name }, read(group, status));
      },
    });
  }
  new Gauge({
    name: 'raftwall_member_reachable',
    help: '1 if this node is in contact with the member',
    labelNames: ['member'],
    registers: [registry],
    collect() {
      this.reset();
      for (const member of node.status().members) {
        this.set({ member: member.id }, Number(member.reachable));
      }
    },
  });
}
