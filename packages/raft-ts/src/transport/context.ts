import type { NodeId } from '../core/types.ts';
import type { Credentials } from './credentials.ts';
import { PeerRefusedError } from './errors.ts';
import type { Hello, Identity, LaneName, Refusal } from './handshake.ts';
import type { TransportMetrics } from './metrics.ts';
import type { TransportLimits } from './options.ts';
import type { PeerRegistry } from './peer-registry.ts';
import type { RefusalLog } from './refusal-log.ts';

/** What all connections of a transport share. */
export interface TransportContext {
  /** As it is now: the generation may become known later. */
  readonly identity: Identity;
  readonly limits: TransportLimits;
  readonly credentials: Credentials;
  readonly registry: PeerRegistry;
  readonly refusals: RefusalLog;
  readonly metrics: TransportMetrics;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A file that must be written cannot be: peers cannot be trusted on first use any more. */
  readonly onError: (error: Error) => void;
}

/** This member's hello to a peer. */
export function helloTo(context: TransportContext, to: NodeId, lane: LaneName): Hello {
  return { ...context.identity, to, lane };
}

/** A refusal by this member, as an error. */
export function refusedBySelf(peer: NodeId, { reason, detail }: Refusal): PeerRefusedError {
  return new PeerRefusedError(peer, 'self', reason, detail);
}
