import { counter } from './described-metrics.ts';

/** What the connections to the other members count. */
export const TRANSPORT_METRICS = {
  sentFramesTotal: counter('raftwall_transport_sent_frames_total', 'Frames sent to members'),
  sentBytesTotal: counter('raftwall_transport_sent_bytes_total', 'Bytes sent to members'),
  receivedFramesTotal: counter(
    'raftwall_transport_received_frames_total',
    'Frames received from members',
  ),
  receivedBytesTotal: counter(
    'raftwall_transport_received_bytes_total',
    'Bytes received from members',
  ),
  droppedUnreachableTotal: counter(
    'raftwall_transport_dropped_unreachable_total',
    'Messages not sent because the member was not connected',
  ),
  droppedFullTotal: counter(
    'raftwall_transport_dropped_full_total',
    'Messages not sent because too many bytes waited already',
  ),
  droppedOversizeTotal: counter(
    'raftwall_transport_dropped_oversize_total',
    'Messages not sent because they were longer than a frame may be',
  ),
  badFramesTotal: counter(
    'raftwall_transport_bad_frames_total',
    'Connections closed because of a frame that breaks the protocol',
  ),
  refusalsTotal: counter(
    'raftwall_transport_refusals_total',
    'Handshakes that ended in a refusal, on either side',
  ),
  connectionsTotal: counter(
    'raftwall_transport_connections_total',
    'Handshakes with members that succeeded',
  ),
  snapshotsSentTotal: counter(
    'raftwall_transport_snapshots_sent_total',
    'Snapshots that reached their receiver, or that it did not need',
  ),
  snapshotsNotSentTotal: counter(
    'raftwall_transport_snapshots_not_sent_total',
    'Snapshots that this sender gave up',
  ),
  snapshotSentBytesTotal: counter(
    'raftwall_transport_snapshot_sent_bytes_total',
    'Content of snapshots sent; what is sent again counts again',
  ),
  snapshotsReceivedTotal: counter(
    'raftwall_transport_snapshots_received_total',
    'Snapshots received to their end',
  ),
  snapshotsRefusedTotal: counter(
    'raftwall_transport_snapshots_refused_total',
    'Offers of snapshots, and transfers, that this receiver refused',
  ),
  snapshotReceivedBytesTotal: counter(
    'raftwall_transport_snapshot_received_bytes_total',
    'Content of snapshots received',
  ),
} as const;
