import { createHash } from 'node:crypto';
import type { AdminApiOptions } from '@raftwall/admin-api';
import {
  type ActivityOptions,
  activityDefaults,
  applierDefaults,
  captureDefaults,
  checksDefaults,
  type GroupOptions,
  hooksDefaults,
  type ReplicatorOptions,
  readinessDefaults,
  reconcilerDefaults,
  roomDefaults,
  type WitnessOptions,
} from '@raftwall/replicator';
import type {
  FileSnapshotOptions,
  RaftNodeOptions,
  SegmentLogSettings,
  TcpTransportOptions,
} from 'raft-ts';
import { parsePrefix } from './config/ip.ts';
import type { DaemonConfig } from './config/options.ts';
import type { KernelTimeouts } from './kernel-timeouts.ts';
import type { NetlinkKernelOptions } from './netlink-kernel.ts';

/** Without an outcome for so long a proposal is sent again; apply tells duplicates (rule A1). */
const proposalTimeoutMs = 1_500;

/** In a given time the clock of one member counts at most this fraction more than that of another. */
const clockDriftMax = 0.1;

/** Rule V8: part of the smallest election timeout for which a leader in `strict` may rely on its quorum's word. */
const leasePart = 0.8;

/** What each part is told, from the one configuration. */
export function raftOptions(config: DaemonConfig): RaftNodeOptions {
  const { heartbeatMs, electionTimeoutMsMin, electionTimeoutMsMax } = config.cluster.timing;
  return {
    id: config.node.id,
    members: founders(config),
    timing: { heartbeatMs, electionTimeoutMsMin, electionTimeoutMsMax },
    proposalTimeoutMs,
    compactionTrailingEntries: config.node.raftLog.trailingEntries,
    // Members keep the promise on which a lease rests only where one is needed.
    leaseDriftMax: config.vrrp?.mode === 'strict' ? clockDriftMax : null,
  };
}

/** A joining member has no say before the log of the others has given it one. */
function founders({ cluster, node }: DaemonConfig): Readonly<Record<string, string>> {
  const listed = cluster.members.filter(({ id }) => !node.join || id !== node.id);
  return Object.fromEntries(listed.map(({ id, address }) => [id, address.text]));
}

export function segmentLogOptions(config: DaemonConfig): SegmentLogSettings {
  const { dataDir, raftLog } = config.node;
  const { segmentBytes } = raftLog;
  return { directory: `${dataDir}/log`, clusterId: config.cluster.name, segmentBytes };
}

export function snapshotOptions(config: DaemonConfig): FileSnapshotOptions {
  return { directory: `${config.node.dataDir}/snapshots`, clusterId: config.cluster.name };
}

export function transportOptions(config: DaemonConfig): TcpTransportOptions {
  return {
    clusterId: config.cluster.name,
    id: config.node.id,
    listen: config.node.listen.text,
    insecure: config.peers.insecure,
    tls: config.peers.tls,
    optionsDigest: optionsDigest(config),
    peersFile: `${config.node.dataDir}/peers.json`,
  };
}

export function kernelOptions(config: DaemonConfig): NetlinkKernelOptions {
  const { filter } = config.capture;
  return {
    tcpWindowTracking: config.kernel.tcpWindowTracking,
    eventBufferBytes: config.kernel.eventBufferBytes,
    protocols: filter.protocols,
    ignorePrefixes: filter.ignoreAddresses.flatMap((text) => parsePrefix(text) ?? []),
    zones: filter.zones,
  };
}

/** A timeout is seen renewed before it has run out elsewhere: two dumps, and time to commit. */
const dumpsPerTimeout = 3;
const activeIntervalMsMin = 1_000;

/** Pause between two dumps of the active node. */
function activeIntervalMs({ shortestSeconds }: KernelTimeouts): number {
  const wantedMs = (1000 * shortestSeconds) / dumpsPerTimeout;
  return Math.max(activeIntervalMsMin, Math.min(reconcilerDefaults.activeIntervalMs, wantedMs));
}

export function replicatorOptions(
  config: DaemonConfig,
  timeouts: KernelTimeouts,
  kernelIncarnation: string,
  version: string,
): ReplicatorOptions {
  const { cluster, node, capture, vrrp } = config;
  return {
    cluster: cluster.name,
    node: node.id,
    version,
    groups: groupOptions(config),
    kernelIncarnation,
    vrrpMode: vrrp?.mode ?? null,
    domain: {
      protocols: config.capture.filter.protocols,
      ignorePrefixes: capture.filter.ignoreAddresses,
      onlyPrefixes: capture.filter.addresses,
      zones: capture.filter.zones,
      virtualAddresses: cluster.virtualAddresses,
      peerAddresses: cluster.members.map(({ address }) => address.host),
    },
    capture: {
      ...captureDefaults,
      admit: capture.admit,
      tcpStates: capture.filter.tcpStates,
      marks: capture.filter.marks,
      foreignDeletes: capture.foreignDeletes,
      destroyHoldMs: capture.destroyHoldMs,
    },
    applier: { ...applierDefaults, tcpEstablishedSeconds: timeouts.tcpEstablishedSeconds },
    room: { ...roomDefaults, entriesMax: config.kernel.maxEntries },
    hooks: hooksDefaults,
    reconciler: { ...reconcilerDefaults, activeIntervalMs: activeIntervalMs(timeouts) },
    activity: activityOptions(config),
    readiness: readinessDefaults,
    checks: checksDefaults,
  };
}

/** What a member without a kernel is told (rule V10). */
export function witnessOptions(config: DaemonConfig, version: string): WitnessOptions {
  return {
    cluster: config.cluster.name,
    node: config.node.id,
    version,
    groups: groupOptions(config),
    activity: activityOptions(config),
    checks: checksDefaults,
  };
}

/** Traffic groups in their order; without VRRP one, which the leader carries. */
export function groupOptions({ vrrp }: DaemonConfig): readonly GroupOptions[] {
  return vrrp?.groups ?? [{ name: 'default', select: null, virtualAddresses: [] }];
}

/** What members must have alike beyond the cluster's name: whose flow is whose (rule A6). Empty without groups to speak of. */
export function optionsDigest(config: DaemonConfig): string {
  const groups = groupOptions(config);
  if (groups.length === 1 && groups[0]?.name === 'default') return '';
  const selectors = groups.map(({ name, select }) =>
    groups.length === 1 ? [name] : [name, select?.zones ?? [], select?.prefixes ?? []],
  );
  return createHash('sha256').update(JSON.stringify(selectors)).digest('hex');
}

function activityOptions({ cluster }: DaemonConfig): ActivityOptions {
  const { electionTimeoutMsMin, electionTimeoutMsMax } = cluster.timing;
  return {
    ...activityDefaults,
    holderLostMs: electionTimeoutMsMax,
    leaseMs: leasePart * electionTimeoutMsMin,
  };
}

export function adminApiOptions(
  config: DaemonConfig,
  dashboardFiles: Readonly<Record<string, string>>,
): AdminApiOptions {
  const { socket, listen, tls, tokensFile } = config.api;
  return {
    socket,
    listen: listen === null ? null : { host: listen.host, port: listen.port },
    tls,
    tokensFile,
    dashboardFiles,
  };
}
