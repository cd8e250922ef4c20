import type { ApiOptions } from './api-options.ts';
import type { CaptureOptions } from './capture-options.ts';
import type { ClusterOptions } from './cluster-options.ts';
import type { KernelOptions } from './kernel-options.ts';
import type { LogOptions, NodeOptions, PeersOptions } from './node-options.ts';
import type { VrrpOptions } from './vrrp-options.ts';

export type { ApiOptions, ApiTlsFiles } from './api-options.ts';
export type { CaptureFilter, CaptureOptions } from './capture-options.ts';
export type {
  ClusterOptions,
  MemberOption,
  TimingName,
  TimingProfile,
} from './cluster-options.ts';
export type { KernelOptions } from './kernel-options.ts';
export type { Endpoint } from './net-fields.ts';
export type {
  LogLevel,
  LogOptions,
  NodeOptions,
  PeersOptions,
  TlsFiles,
} from './node-options.ts';
export type {
  GroupSelector,
  TrafficGroupOptions,
  VrrpInstanceOption,
  VrrpMode,
  VrrpOptions,
} from './vrrp-options.ts';

/** The whole configuration of one daemon: validated, complete with defaults, deeply frozen. */
export interface DaemonConfig {
  /** Must be equal on all members. */
  readonly cluster: ClusterOptions;
  readonly node: NodeOptions;
  readonly peers: PeersOptions;
  readonly api: ApiOptions;
  /** Null: no VRRP, the Raft leader is the active node. */
  readonly vrrp: VrrpOptions | null;
  readonly capture: CaptureOptions;
  readonly kernel: KernelOptions;
  readonly log: LogOptions;
}
