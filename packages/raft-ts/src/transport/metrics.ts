import type { Counter } from '../metrics.ts';

/** What a `TcpTransport` counts. */
export interface TransportMetrics {
  readonly sentFramesTotal: Counter;
  readonly sentBytesTotal: Counter;
  readonly receivedFramesTotal: Counter;
  readonly receivedBytesTotal: Counter;
  /** Messages that were not sent because the peer was not connected. */
  readonly droppedUnreachableTotal: Counter;
  /** Messages that were not sent because too many bytes waited already. */
  readonly droppedFullTotal: Counter;
  /** Messages that were not sent because they were longer than a frame may be. */
  readonly droppedOversizeTotal: Counter;
  /** Connections closed because of a frame that breaks the protocol. */
  readonly badFramesTotal: Counter;
  /** Handshakes that ended in a refusal, on either side. */
  readonly refusalsTotal: Counter;
  /** Handshakes that succeeded. */
  readonly connectionsTotal: Counter;
  /** Snapshots that reached their receiver, or that it did not need. */
  readonly snapshotsSentTotal: Counter;
  /** Snapshots that were given up by this sender. */
  readonly snapshotsNotSentTotal: Counter;
  /** Content of snapshots; what is sent again after a cut counts again. */
  readonly snapshotSentBytesTotal: Counter;
  /** Snapshots that were received to their end. */
  readonly snapshotsReceivedTotal: Counter;
  /** Offers that were refused, and transfers that ended with a refusal, by this receiver. */
  readonly snapshotsRefusedTotal: Counter;
  readonly snapshotReceivedBytesTotal: Counter;
}

const ignore: Counter = { inc: () => undefined };

/** For a transport that nobody looks at. */
export const noMetrics: TransportMetrics = {
  sentFramesTotal: ignore,
  sentBytesTotal: ignore,
  receivedFramesTotal: ignore,
  receivedBytesTotal: ignore,
  droppedUnreachableTotal: ignore,
  droppedFullTotal: ignore,
  droppedOversizeTotal: ignore,
  badFramesTotal: ignore,
  refusalsTotal: ignore,
  connectionsTotal: ignore,
  snapshotsSentTotal: ignore,
  snapshotsNotSentTotal: ignore,
  snapshotSentBytesTotal: ignore,
  snapshotsReceivedTotal: ignore,
  snapshotsRefusedTotal: ignore,
  snapshotReceivedBytesTotal: ignore,
};
