import { counter, gauge, histogram, LATENCY_SECONDS } from './described-metrics.ts';

const LATE_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** What a Raft member measures, under the names that it counts by. */
export const RAFT_METRICS = {
  proposalsTotal: counter('raftwall_raft_proposals_total', 'Proposals made on this member'),
  proposalsRefusedTotal: counter(
    'raftwall_raft_proposals_refused_total',
    'Proposals refused at once, with nothing in the log',
  ),
  requestsExpiredTotal: counter(
    'raftwall_raft_requests_expired_total',
    'Proposals and reads that ended without an answer',
  ),
  forwardedTotal: counter(
    'raftwall_raft_forwarded_total',
    'Proposals and reads passed on to the leader',
  ),
  proposalSeconds: histogram(
    'raftwall_raft_proposal_seconds',
    'From a proposal on this member until it was applied here',
    LATENCY_SECONDS,
  ),
  readsTotal: counter('raftwall_raft_reads_total', 'Reads asked for on this member'),
  leaseReadsTotal: counter(
    'raftwall_raft_lease_reads_total',
    'Reads asked for on this member that a lease answered',
  ),
  readSeconds: histogram(
    'raftwall_raft_read_seconds',
    'From asking for a read index until it is known',
    LATENCY_SECONDS,
  ),
  proposalsWaiting: gauge(
    'raftwall_raft_waiting_proposals',
    'Proposals of this member without an outcome',
  ),
  readsWaiting: gauge('raftwall_raft_waiting_reads', 'Reads of this member without an answer'),
  uncommittedBytes: gauge(
    'raftwall_raft_uncommitted_bytes',
    'Bytes of entries that the leader has proposed and that are not committed',
  ),
  unsyncedEntries: gauge(
    'raftwall_raft_unsynced_entries',
    'Entries handed to the log that are not durable yet',
  ),
  unappliedEntries: gauge(
    'raftwall_raft_unapplied_entries',
    'Committed entries that are not applied to the table yet',
  ),
  leaderChangesTotal: counter(
    'raftwall_raft_leader_changes_total',
    'Times that this member heard of a new leader',
  ),
  electionsTotal: counter(
    'raftwall_raft_elections_total',
    'Times that this member stood for election, pre-votes counted',
  ),
  electionsWonTotal: counter('raftwall_raft_elections_won_total', 'Elections won by this member'),
  quorumLossesTotal: counter(
    'raftwall_raft_quorum_losses_total',
    'Times that this member stepped down because it did not hear a quorum',
  ),
  transfersTotal: counter(
    'raftwall_raft_transfers_total',
    'Transfers of leadership asked for on this member',
  ),
  transferFailuresTotal: counter(
    'raftwall_raft_transfer_failures_total',
    'Transfers of leadership asked for on this member that failed',
  ),
  membershipChangesTotal: counter(
    'raftwall_raft_membership_changes_total',
    'Changes of the members that this member began as leader',
  ),
  learnersPromotedTotal: counter(
    'raftwall_raft_learners_promoted_total',
    'Learners that became voters by themselves',
  ),
  electionsForgoneTotal: counter(
    'raftwall_raft_elections_forgone_total',
    'Elections put off because the own timer was late (rule L5)',
  ),
  appendBatchesTotal: counter('raftwall_raft_append_batches_total', 'Batches handed to the log'),
  appendedEntriesTotal: counter(
    'raftwall_raft_appended_entries_total',
    'Entries handed to the log',
  ),
  appliedEntriesTotal: counter(
    'raftwall_raft_applied_entries_total',
    'Entries applied to the state machine',
  ),
  snapshotsCreatedTotal: counter('raftwall_raft_snapshots_created_total', 'Snapshots taken'),
  snapshotsSentTotal: counter(
    'raftwall_raft_snapshots_sent_total',
    'Snapshots that this member sent to others',
  ),
  snapshotsInstalledTotal: counter(
    'raftwall_raft_snapshots_installed_total',
    'Times that the table was replaced by a snapshot',
  ),
  snapshotFailuresTotal: counter(
    'raftwall_raft_snapshot_failures_total',
    'Snapshots that could not be taken, and transfers that broke; both are tried again',
  ),
  snapshotCreateSeconds: histogram(
    'raftwall_raft_snapshot_create_seconds',
    'From asking the state machine until the snapshot is durable',
    [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60],
  ),
  appendSeconds: histogram(
    'raftwall_raft_append_seconds',
    'From handing a batch to the log until it is durable',
    LATENCY_SECONDS,
  ),
  applySliceSeconds: histogram(
    'raftwall_raft_apply_slice_seconds',
    'One turn of applying entries on the main loop',
    LATE_SECONDS,
  ),
  loopDelaySeconds: histogram(
    'raftwall_raft_loop_delay_seconds',
    'How late the tick timer of the main loop was',
    LATE_SECONDS,
  ),
} as const;
