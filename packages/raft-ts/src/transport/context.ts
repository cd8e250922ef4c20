import type { NodeId } from '../core/types.ts';
import type { Credentials } from './credentials.ts';
import { PeerRefusedError } from './errors.ts';
import type { Hello, Identity, Refusal } from './handshake.ts';
import type { TransportMetrics } from './metrics.ts';
import type { TransportLimits } from './options.ts';
import type { PeerRegistry } from './peer-registry.ts';
import type { RefusalLog } from './refusal-log.ts';
import type { TokenBucket } from './token-bucket.ts';

/** What all connections of a transport share. */
export interface TransportContext {
  /** As it is now: the generation may become known later. */
  readonly identity: Identity;
  readonly limits: TransportLimits;
  readonly credentials: Credentials;
  readonly registry: PeerRegistry;
  readonly refusals: RefusalLog;
  readonly metrics: TransportMetrics;
  /** Content of snapshots that is being sent. */
  readonly snapshotBucket: TokenBucket;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A file that must be written cannot be: peers cannot be trusted on first use any more. */
  readonly onError: (error: Error) => void;
}

/** This member's hello to a peer. */
export function helloTo(context: TransportContext, to: NodeId, lane: string): Hello {
  return { ...context.identity, to, lane };
}

/** A refusal by this member, as an error. */
export function refusedBySelf(peer: NodeId, { reason, detail }: Refusal): PeerRefusedError {
  return new PeerRefusedError(peer, 'self', reason, detail);
}

/** How long to wait before dialling again after so many failures: doubled with each, and drawn between half and all of it. */
export function redialDelayMs({ limits, random }: TransportContext, failures: number): number {
  const delayMs = Math.min(limits.reconnectMsMax, limits.reconnectMsMin * 2 ** failures);
  return delayMs * (0.5 + random() / 2);
}
