import type { ReplicatorCounters } from '@raftwall/replicator';
import { Counter, type Registry } from 'prom-client';

interface PlainCounter {
  readonly name: string;
  readonly help: string;
  readonly read: (counters: ReplicatorCounters) => number;
}

interface LabelledCounter {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly read: (counters: ReplicatorCounters) => Readonly<Record<string, number>>;
}

const PLAIN: readonly PlainCounter[] = [
  {
    name: 'raftwall_kernel_malformed_messages_total',
    help: 'Messages of the kernel that did not parse and were skipped',
    read: (it) => it.malformedMessages,
  },
  {
    name: 'raftwall_capture_outside_domain_events_total',
    help: 'Kernel events of flows that are not replicated at all (rule K1)',
    read: (it) => it.outsideDomain,
  },
  {
    name: 'raftwall_capture_outside_groups_events_total',
    help: 'Kernel events of flows that no traffic group selects (rule A6)',
    read: (it) => it.outsideGroups,
  },
  {
    name: 'raftwall_capture_not_admitted_events_total',
    help: 'Kernel events of flows that have not shown yet what admission asks for (rule K4)',
    read: (it) => it.notAdmitted,
  },
  {
    name: 'raftwall_capture_table_full_total',
    help: 'Flows that were not replicated because the table is full (rule T3)',
    read: (it) => it.tableFull,
  },
  {
    name: 'raftwall_capture_lookups_total',
    help: 'Flows read from the kernel because of what their events lacked or in what order they came (K3, K4)',
    read: (it) => it.lookups,
  },
  {
    name: 'raftwall_capture_lookups_dropped_total',
    help: 'Flows that had no room to wait for being read; reconcile finds them',
    read: (it) => it.lookupsDropped,
  },
  {
    name: 'raftwall_capture_touches_total',
    help: 'Flows whose remaining time was committed, since refreshes emit no events (rule K14)',
    read: (it) => it.touches,
  },
  {
    name: 'raftwall_kernel_rearmed_total',
    help: 'Holds ended when this node began to see the packets of the flows (rule K14)',
    read: (it) => it.rearmed,
  },
  {
    name: 'raftwall_capture_operations_total',
    help: 'Flow operations proposed, after coalescing',
    read: (it) => it.operationsProposed,
  },
  {
    name: 'raftwall_capture_batches_total',
    help: 'Batches of flow operations proposed',
    read: (it) => it.batchesProposed,
  },
  {
    name: 'raftwall_capture_restarts_total',
    help: 'Times that capture began a new epoch because its sequence was lost or too much was uncommitted (rule A2)',
    read: (it) => it.captureRestarts,
  },
  {
    name: 'raftwall_capture_expectations_total',
    help: 'Operations on expectations of helpers proposed',
    read: (it) => it.expectationsProposed,
  },
  {
    name: 'raftwall_capture_expectations_dropped_total',
    help: 'Expectations that had no room to wait for their flows; reconcile finds them',
    read: (it) => it.expectationsDropped,
  },
  {
    name: 'raftwall_apply_expectations_total',
    help: 'Expectations of helpers that the kernel was brought into line with',
    read: (it) => it.expectationsInjected,
  },
  {
    name: 'raftwall_apply_queue_dropped_total',
    help: 'Flows that the queue to the kernel had no room for; reconcile finds them',
    read: (it) => it.applierDropped,
  },
  {
    name: 'raftwall_apply_incomplete_total',
    help: 'Times that a flow was not injected because its sequence adjustment is not known (rule K13)',
    read: (it) => it.incomplete,
  },
  {
    name: 'raftwall_kernel_no_room_total',
    help: 'Flows that were not brought into the kernel because it is nearly full (rule K15)',
    read: (it) => it.noRoom,
  },
  {
    name: 'raftwall_kernel_event_overruns_total',
    help: 'Times that the kernel dropped events for want of receive buffer',
    read: (it) => it.overruns,
  },
  {
    name: 'raftwall_table_digests_compared_total',
    help: 'Digests of the table of the active node compared with the own (rule T6)',
    read: (it) => it.digestsCompared,
  },
  {
    name: 'raftwall_table_digests_different_total',
    help: 'Those of them that differed: the tables of two members have parted',
    read: (it) => it.digestsDifferent,
  },
  {
    name: 'raftwall_kernel_digests_compared_total',
    help: 'Digests of this kernel compared with the table while nothing was on its way (rule T6)',
    read: (it) => it.kernelDigestsCompared,
  },
  {
    name: 'raftwall_kernel_digests_different_total',
    help: 'Those of them that differed although no flow was found to',
    read: (it) => it.kernelDigestsDifferent,
  },
  {
    name: 'raftwall_reconciles_total',
    help: 'Comparisons of kernel and table',
    read: (it) => it.reconciles,
  },
  {
    name: 'raftwall_reconcile_repairs_total',
    help: 'Flows that a comparison found missing, different or too many',
    read: (it) => it.reconcileRepairs,
  },
];

const LABELLED: readonly LabelledCounter[] = [
  {
    name: 'raftwall_capture_events_total',
    help: 'Conntrack events received, by kind',
    label: 'kind',
    read: (it) => it.events,
  },
  {
    name: 'raftwall_apply_operations_total',
    help: 'Committed flow operations applied to the table, by what they did',
    label: 'operation',
    read: (it) => it.operationsApplied,
  },
  {
    name: 'raftwall_apply_refused_operations_total',
    help: 'Committed batches that apply refused on all members alike, by reason (rules A1, A3)',
    label: 'reason',
    read: (it) => it.operationsRefused,
  },
  {
    name: 'raftwall_kernel_commands_total',
    help: 'Messages that the kernel carried out, by verb',
    label: 'verb',
    read: (it) => ({
      create: it.kernelCreates,
      update: it.kernelUpdates,
      delete: it.kernelDeletes,
    }),
  },
  {
    name: 'raftwall_foreign_deletes_total',
    help: 'Flows that another program deleted in the kernel, by what became of them (rule K16)',
    label: 'outcome',
    read: (it) => it.foreignDeletes,
  },
  {
    name: 'raftwall_kernel_failures_total',
    help: 'Messages that the kernel refused, by errno',
    label: 'errno',
    read: (it) => it.kernelFailures,
  },
  {
    name: 'raftwall_apply_attributes_refused_total',
    help: 'Flows that the kernel took only without an attribute, by its name (rule K13)',
    label: 'attribute',
    read: (it) => it.attributesRefused,
  },
  {
    name: 'raftwall_apply_expectation_failures_total',
    help: 'Expectations of helpers that the kernel refused, by errno',
    label: 'errno',
    read: (it) => it.expectationFailures,
  },
  {
    name: 'raftwall_activations_total',
    help: 'Activations decided, by outcome (rule A3)',
    label: 'outcome',
    read: (it) => ({ accepted: it.activationsAccepted, refused: it.activationsRefused }),
  },
  {
    name: 'raftwall_proposal_retries_total',
    help: 'Proposals of the node itself that failed and were made again, by what they say',
    label: 'command',
    read: (it) => it.retries,
  },
];

/** Adds what the replicator counts; the figures are read when somebody scrapes. */
export function registerReplicatorMetrics(registry: Registry, counters: ReplicatorCounters): void {
  for (const { name, help, read } of PLAIN) {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read(counters));
      },
    });
  }
  for (const { name, help, label, read } of LABELLED) {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read(counters))) {
          this.inc({ [label]: value }, count);
        }
      },
    });
  }
}
