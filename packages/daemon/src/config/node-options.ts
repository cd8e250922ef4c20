import type { Endpoint } from './cluster-options.ts';

/** What concerns this node alone. */
export interface NodeOptions {
  readonly id: string;
  /** Absolute directory of log, vote and table. */
  readonly dataDir: string;
  /** Votes and keeps the log, never touches a kernel (rule V10). */
  readonly witness: boolean;
  /** Joins a running cluster as a learner; `cluster.members` then names members to ask. */
  readonly join: boolean;
  /**
   * Where peers reach this node. Unless set: its address in `cluster.members`, or, for a joining node that is not listed,
   * every address at the port of the first member.
   */
  readonly listen: Endpoint;
}

/** PEM files of a certificate authority, a certificate and its key; absolute paths. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Links between members: mutual TLS, or plain TCP when the operator says so in words. */
export interface PeersOptions {
  readonly insecure: boolean;
  /** Null exactly when `insecure`. */
  readonly tls: TlsFiles | null;
}

/** How detailed the log is. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LogOptions {
  readonly level: LogLevel;
}
