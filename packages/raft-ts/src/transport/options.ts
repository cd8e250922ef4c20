import type { NodeId } from '../core/types.ts';
import { InvalidOptionError } from '../errors.ts';
import { parseAddress } from './address.ts';

/** PEM files; read at start and again on `reloadTls`. */
export interface TlsFiles {
  /** Certificates of the authorities that members are signed by. */
  readonly ca: string;
  /** Own certificate: names the own id as common name or as a DNS name. */
  readonly cert: string;
  readonly key: string;
}

/** Lowest and highest feature level that this program can work with. */
export interface FeatureLevels {
  readonly min: number;
  readonly max: number;
}

/** Who this member is on the network, and how it proves it. */
export interface TcpTransportOptions {
  readonly clusterId: string;
  readonly id: NodeId;
  /** Own `host:port`; port 0 takes any free one. */
  readonly listen: string;
  /** What others dial, `host:port`, when it is not what `listen` says. */
  readonly advertise?: string;
  /** Mutual TLS 1.3; without it `insecure` must be true. */
  readonly tls?: TlsFiles | null;
  /** Plain TCP, said explicitly. */
  readonly insecure?: boolean;
  /** File that remembers the peers' incarnations; null remembers them only until the end of the process. */
  readonly peersFile?: string | null;
  /** Until `setGeneration` tells another one, as `RaftNode` does; 0. */
  readonly clusterGeneration?: number | null;
  /** Levels 0 to 1: a member below 1 is sent no snapshots. */
  readonly featureLevels?: FeatureLevels;
  /** Digest of the options that must be equal on all members; opaque. */
  readonly optionsDigest?: string;
  readonly limits?: Partial<TransportLimits>;
}

/** Sizes in bytes, times in milliseconds. */
export interface TransportLimits {
  /** Longest frame, in both directions: at least the largest entry and 1 KiB. */
  readonly frameBytesMax: number;
  /** Bytes that may wait for one peer among votes, heartbeats and answers. */
  readonly controlBytesMax: number;
  /** Bytes that may wait for one peer among entries and forwarded proposals. */
  readonly bulkBytesMax: number;
  /** Inbound connections at a time. */
  readonly connectionsMax: number;
  /** From dialling or accepting to the end of the handshake. */
  readonly connectTimeoutMs: number;
  /** A connection on which nothing was heard for so long is closed; pings go three times as often. */
  readonly idleTimeoutMs: number;
  /** Wait before dialling again: doubled with each failure, and drawn between half and all of it. */
  readonly reconnectMsMin: number;
  readonly reconnectMsMax: number;
  /** Content of all snapshots that are being sent, together, in a second. */
  readonly snapshotBytesPerSecondMax: number;
  /** Snapshots that are being received at a time, of different members. */
  readonly snapshotsInboundMax: number;
  /** A snapshot of which nothing has moved for so long, over all attempts, is given up by its sender; its receiver hangs up. */
  readonly snapshotTimeoutMs: number;
}

/** The limits that hold where no others are given. */
export const defaultTransportLimits: TransportLimits = Object.freeze({
  frameBytesMax: 8 * 1024 * 1024,
  controlBytesMax: 4 * 1024 * 1024,
  bulkBytesMax: 32 * 1024 * 1024,
  connectionsMax: 256,
  connectTimeoutMs: 1500,
  idleTimeoutMs: 2000,
  reconnectMsMin: 50,
  reconnectMsMax: 1000,
  snapshotBytesPerSecondMax: 32 * 1024 * 1024,
  snapshotsInboundMax: 2,
  snapshotTimeoutMs: 30_000,
});

export interface ResolvedTransportOptions {
  readonly clusterId: string;
  readonly id: NodeId;
  readonly listen: string;
  readonly advertise: string | null;
  readonly tls: TlsFiles | null;
  readonly peersFile: string | null;
  readonly clusterGeneration: number | null;
  readonly featureLevels: FeatureLevels;
  readonly optionsDigest: string;
  readonly limits: TransportLimits;
}

const nameBytesMax = 255;

/** What this version can do: 1 is snapshots. */
const defaultFeatureLevels: FeatureLevels = { min: 0, max: 1 };

/** @throws {InvalidOptionError} If a value cannot work. */
export function resolveTransportOptions(options: TcpTransportOptions): ResolvedTransportOptions {
  const limits = { ...defaultTransportLimits, ...options.limits };
  const resolved = {
    clusterId: options.clusterId,
    id: options.id,
    listen: options.listen,
    advertise: options.advertise ?? null,
    tls: options.tls ?? null,
    peersFile: options.peersFile ?? null,
    clusterGeneration: options.clusterGeneration === undefined ? 0 : options.clusterGeneration,
    featureLevels: options.featureLevels ?? defaultFeatureLevels,
    optionsDigest: options.optionsDigest ?? '',
    limits,
  };
  for (const name of ['clusterId', 'id', 'optionsDigest'] as const) {
    const bytes = Buffer.byteLength(resolved[name]);
    if (bytes > nameBytesMax || (bytes === 0 && name !== 'optionsDigest')) {
      throw new InvalidOptionError(name, `1 to ${nameBytesMax} bytes long`, resolved[name]);
    }
  }
  for (const name of ['listen', 'advertise'] as const) {
    const text = resolved[name];
    if (text !== null && parseAddress(text) === null) {
      throw new InvalidOptionError(name, 'host:port', text);
    }
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!(Number.isFinite(value) && value > 0)) {
      throw new InvalidOptionError(`limits.${name}`, 'a number above 0', value);
    }
  }
  if (resolved.tls === null && options.insecure !== true) {
    throw new InvalidOptionError('insecure', 'true when there is no tls', options.insecure);
  }
  return resolved;
}
