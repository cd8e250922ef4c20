import type { Buffer } from 'node:buffer';
import type { NodeId } from '../core/types.ts';
import { ProtocolError, type RefusalReason, refusalReasons } from './errors.ts';
import { decodeFlat, encodeFlat } from './flat-codec.ts';
import type { FeatureLevels } from './options.ts';

/**
 * What a connection carries. A member dials two connections for messages to each peer and sends only on those that it
 * dialled, so that a vote or a heartbeat never waits behind megabytes of entries in the same socket.
 */
export type MessageLane = 'control' | 'bulk';

/** `snapshot` is dialled for one snapshot and closed after it. */
export type LaneName = MessageLane | 'snapshot';

/** A member that has this feature level knows the snapshot lane. */
export const snapshotFeatureLevel = 1;

/** What the two ends of a connection tell each other first. */
export interface Hello {
  /** A `LaneName`, or one of a later version. */
  readonly lane: string;
  readonly clusterId: string;
  /** Of the sender's configuration (rule L4); null for a member with an empty log, which takes what it is given. */
  readonly clusterGeneration: number | null;
  readonly from: NodeId;
  /** Whom the sender means to talk to. */
  readonly to: NodeId;
  /** Of the sender's data directory, 32 hex digits. */
  readonly incarnation: string;
  readonly featureLevels: FeatureLevels;
  readonly optionsDigest: string;
  /** Where the sender listens, `host:port`. */
  readonly address: string;
}

/** What a member says of itself in every hello. */
export type Identity = Omit<Hello, 'lane' | 'to'>;

/** Why a hello is not accepted. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly detail: string;
}

/** Longest frame before the handshake is over. */
export const handshakeBytesMax = 4096;

const magic = 'raft-ts';
const textBytesMax = 255;

export function encodeHello(hello: Hello): Buffer {
  return encodeFlat([
    magic,
    hello.lane,
    hello.clusterId,
    hello.clusterGeneration,
    hello.from,
    hello.to,
    hello.incarnation,
    hello.featureLevels.min,
    hello.featureLevels.max,
    hello.optionsDigest,
    hello.address,
  ]);
}

/** @throws {ProtocolError} If it is no hello. */
export function decodeHello(body: Buffer): Hello {
  const values = decodeFlat(body);
  const [found, lane, clusterId, clusterGeneration, from, to, incarnation, min, max] = values;
  const [optionsDigest, address] = values.slice(9);
  const isHello =
    values.length === 11 &&
    found === magic &&
    [lane, clusterId, from, to, incarnation, optionsDigest, address].every(isText) &&
    (clusterGeneration === null || Number.isSafeInteger(clusterGeneration)) &&
    [min, max].every((value) => Number.isSafeInteger(value)) &&
    from !== '' &&
    /^[0-9a-f]{32}$/.test(incarnation as string);
  if (!isHello) throw new ProtocolError('no hello');
  return {
    lane: lane as string,
    clusterId: clusterId as string,
    clusterGeneration: clusterGeneration as number | null,
    from: from as string,
    to: to as string,
    incarnation: incarnation as string,
    featureLevels: { min: min as number, max: max as number },
    optionsDigest: optionsDigest as string,
    address: address as string,
  };
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= textBytesMax;
}

export function encodeRefusal({ reason, detail }: Refusal): Buffer {
  return encodeFlat([reason, detail.slice(0, 1000)]);
}

/** @throws {ProtocolError} If it is no refusal. */
export function decodeRefusal(body: Buffer): Refusal {
  const [reason, detail] = decodeFlat(body);
  const known = refusalReasons.find((one) => one === reason);
  if (known === undefined || typeof detail !== 'string') throw new ProtocolError('no refusal');
  return { reason: known, detail };
}

/** Whether members of these generations may talk: an empty log fits to every one. */
export function isSameGeneration(own: number | null, its: number | null): boolean {
  return own === null || its === null || own === its;
}

/** Compares a peer's hello with what this member is; null when they fit. The incarnation is looked at elsewhere. */
export function judgeHello(own: Identity, hello: Hello): Refusal | null {
  const differs = (reason: RefusalReason, what: string, mine: unknown, its: unknown): Refusal => ({
    reason,
    detail: `${what} ${String(its)} of ${hello.from} does not fit ${String(mine)} of ${own.from}`,
  });
  if (hello.clusterId !== own.clusterId) {
    return differs('cluster-id', 'cluster', own.clusterId, hello.clusterId);
  }
  if (!isSameGeneration(own.clusterGeneration, hello.clusterGeneration)) {
    const { clusterGeneration: its } = hello;
    return differs('cluster-generation', 'cluster generation', own.clusterGeneration, its);
  }
  if (hello.from === own.from) {
    return { reason: 'own-id', detail: `both ends call themselves ${own.from}` };
  }
  if (hello.to !== own.from) {
    return { reason: 'wrong-peer', detail: `${hello.from} means ${hello.to}, this is ${own.from}` };
  }
  const levels = hello.featureLevels;
  if (levels.min > own.featureLevels.max || levels.max < own.featureLevels.min) {
    const text = ({ min, max }: FeatureLevels): string => `${min} to ${max}`;
    return differs('feature-level', 'feature levels', text(own.featureLevels), text(levels));
  }
  if (hello.optionsDigest !== own.optionsDigest) {
    return differs('options', 'options digest', own.optionsDigest, hello.optionsDigest);
  }
  return judgeLane(own, hello);
}

function judgeLane(own: Identity, { lane, from }: Hello): Refusal | null {
  switch (lane) {
    case 'control':
    case 'bulk':
      return null;
    case 'snapshot': {
      if (own.featureLevels.max >= snapshotFeatureLevel) return null;
      const detail = `${own.from} takes snapshots from feature level ${snapshotFeatureLevel} on`;
      return { reason: 'feature-level', detail };
    }
    default:
      return {
        reason: 'protocol',
        detail: `${own.from} does not know the lane ${lane} of ${from}`,
      };
  }
}
