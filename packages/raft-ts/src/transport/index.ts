export {
  ListenError,
  PeerRefusedError,
  PeersFileError,
  ProtocolError,
  type RefusalReason,
  SnapshotNotSentError,
  type SnapshotRefusalReason,
  type SnapshotSendFailure,
} from './errors.ts';
export type { TransportMetrics } from './metrics.ts';
export {
  defaultTransportLimits,
  type FeatureLevels,
  type TcpTransportOptions,
  type TlsFiles,
  type TransportLimits,
} from './options.ts';
export { TcpTransport, type TcpTransportDependencies } from './tcp-transport.ts';
