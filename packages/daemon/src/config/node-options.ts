import { defaulted, mapping, optional, required } from './field.ts';
import { type Endpoint, endpoint } from './net-fields.ts';
import { absolutePath, flag, identifier, integer, oneOf } from './scalar-fields.ts';

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
  readonly raftLog: RaftLogOptions;
}

/** The replicated log on this node's disk. */
interface RaftLogOptions {
  /** Size of one file; the log is cut in whole files. */
  readonly segmentBytes: number;
  /** Entries that stay when it is cut, so that a member that is a little behind needs no snapshot. */
  readonly trailingEntries: number;
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

const raftLogFields = {
  segmentBytes: defaulted(
    'Bytes of one file of the replicated log, which is cut in whole files; two are kept at least.',
    integer(65_536, 2 ** 30, 'bytes'),
    64 * 1024 * 1024,
  ),
  trailingEntries: defaulted(
    'Entries that stay when the log is cut, so that a member that is a little behind needs no snapshot of the whole table.',
    integer(0, 10_000_000),
    4_096,
  ),
};

/** Keys of `node`. */
export const nodeFields = {
  id: required('Which of the members this node is.', identifier),
  dataDir: defaulted(
    'Directory of log, vote and table; nobody else writes there.',
    absolutePath(),
    '/var/lib/raftwall',
  ),
  witness: defaulted('Votes and keeps the log, but never touches a kernel.', flag, false),
  join: defaulted('Joins a running cluster as a learner.', flag, false),
  listen: optional(
    'Where peers reach this node; by default its address in `cluster.members`, for a joining node that is not listed every address at the port of the first member.',
    endpoint,
  ),
  raftLog: defaulted('The replicated log on the disk of this node.', mapping(raftLogFields), {}),
};

const tlsFields = {
  ca: required('Certificates (PEM) of the authority that peers must come from.', absolutePath()),
  cert: required('Certificate (PEM) of this node.', absolutePath()),
  key: required('Private key (PEM) of the certificate.', absolutePath()),
};

/** Keys of `peers`; exactly one of them counts. */
export const peersFields = {
  insecure: defaulted(
    'Plain TCP between members, without secrecy and without proof of who speaks. Only `true` together with no `tls`.',
    flag,
    false,
  ),
  tls: optional('Mutual TLS between members.', mapping(tlsFields)),
};

/** Keys of `log`. */
export const logFields = {
  level: defaulted(
    'How detailed the log is.',
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    'info',
  ),
};
