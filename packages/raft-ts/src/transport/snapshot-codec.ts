import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { decodeConfig, encodeConfig } from '../core/config.ts';
import type { SnapshotMessage } from '../core/message.ts';
import type { ClusterConfig } from '../core/types.ts';
import { readUint64, writeUint64 } from '../storage/uint64.ts';
import { ProtocolError, type SnapshotRefusalReason, snapshotRefusalReasons } from './errors.ts';
import { decodeFlat, encodeFlat, type Scalar } from './flat-codec.ts';
import { FrameType, frameHeaderBytes, writeFrameHeader } from './frame.ts';

/** Most content in one chunk. */
export const snapshotChunkBytesMax = 256 * 1024;
/** Content that may be on its way beyond what the receiver has said that it has written. */
export const snapshotWindowBytes = 4 * snapshotChunkBytesMax;
/** Longest frame of the snapshot lane: a chunk, or an offer with a configuration of that length. */
export const snapshotFrameBytesMax = snapshotChunkBytesMax + 4096;

/** A piece of a snapshot's content. */
export interface SnapshotChunk {
  readonly offset: number;
  readonly data: Buffer;
}

/** Why a receiver does not take a snapshot, or not to its end. */
export interface SnapshotRefusal {
  readonly reason: SnapshotRefusalReason;
  readonly detail: string;
}

const headLengthBytes = 2;
const chunkHeaderBytes = 12;
const detailLengthMax = 1000;

/** Null when the configuration is too long for a frame. */
export function encodeOffer({ from, to, term, meta }: SnapshotMessage): Buffer | null {
  const { lastIndex, lastTerm, configIndex, bytes, digest, formatVersion } = meta;
  const position = [lastIndex, lastTerm, configIndex];
  const head = encodeFlat([from, to, term, ...position, bytes, digest, formatVersion]);
  const config = encodeConfig(meta.config);
  const length = Buffer.alloc(headLengthBytes);
  length.writeUInt16BE(head.length);
  const body = Buffer.concat([length, head, config]);
  return frameHeaderBytes + body.length <= snapshotFrameBytesMax ? body : null;
}

/** @throws {ProtocolError} If it is no offer. */
export function decodeOffer(body: Buffer): SnapshotMessage {
  const headEnd = headLengthBytes + (body.length < headLengthBytes ? 0 : body.readUInt16BE(0));
  if (headEnd > body.length) throw new ProtocolError('a head that is longer than its frame');
  const head = decodeFlat(body.subarray(headLengthBytes, headEnd));
  const [from, to, term, lastIndex, lastTerm, configIndex, bytes, digest, formatVersion] = head;
  const counts = [term, lastIndex, lastTerm, configIndex, bytes, formatVersion];
  const isPlaced = Number(lastIndex) >= 1 && Number(configIndex) <= Number(lastIndex);
  const isGood =
    head.length === 9 &&
    [from, to].every((id) => typeof id === 'string' && id.length > 0) &&
    counts.every(isCount) &&
    isPlaced &&
    typeof digest === 'string' &&
    /^[0-9a-f]{64}$/.test(digest);
  if (!isGood) throw new ProtocolError('no offer of a snapshot');
  const meta = { lastIndex, lastTerm, configIndex, bytes, digest, formatVersion };
  const config = decodeOfferedConfig(body.subarray(headEnd));
  return { kind: 'snapshot', from, to, term, meta: { ...meta, config } } as SnapshotMessage;
}

function decodeOfferedConfig(text: Buffer): ClusterConfig {
  try {
    return decodeConfig(text);
  } catch {
    throw new ProtocolError('an offer with a bad configuration');
  }
}

function isCount(value: Scalar | undefined): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The frame of a chunk: its data is part of the result as it is. */
export function encodeChunk(offset: number, data: Uint8Array): readonly Uint8Array[] {
  const head = Buffer.alloc(frameHeaderBytes + chunkHeaderBytes);
  writeFrameHeader(head, FrameType.snapshotChunk, chunkHeaderBytes + data.length);
  writeUint64(head, offset, frameHeaderBytes + 4);
  const crc = crc32(data, crc32(head.subarray(frameHeaderBytes + 4)));
  head.writeUInt32LE(crc, frameHeaderBytes);
  return [head, data];
}

/** Its data is a view of `body`. @throws {ProtocolError} If it is no chunk, or was damaged on its way. */
export function decodeChunk(body: Buffer): SnapshotChunk {
  const dataBytes = body.length - chunkHeaderBytes;
  if (dataBytes < 1 || dataBytes > snapshotChunkBytesMax) {
    throw new ProtocolError(`a chunk of ${dataBytes} bytes`);
  }
  if (body.readUInt32LE(0) !== crc32(body.subarray(4))) throw new ProtocolError('a damaged chunk');
  return { offset: readUint64(body, 4), data: body.subarray(chunkHeaderBytes) };
}

export function encodeProgress(offset: number): Buffer {
  const body = Buffer.alloc(8);
  writeUint64(body, offset, 0);
  return body;
}

/** @throws {ProtocolError} If it is no progress. */
export function decodeProgress(body: Buffer): number {
  const offset = body.length === 8 ? readUint64(body, 0) : Number.NaN;
  if (!Number.isSafeInteger(offset)) throw new ProtocolError('no progress of a snapshot');
  return offset;
}

export function encodeSnapshotRefusal({ reason, detail }: SnapshotRefusal): Buffer {
  return encodeFlat([reason, detail.slice(0, detailLengthMax)]);
}

/** @throws {ProtocolError} If it is no refusal. */
export function decodeSnapshotRefusal(body: Buffer): SnapshotRefusal {
  const [reason, detail] = decodeFlat(body);
  const known = snapshotRefusalReasons.find((one) => one === reason);
  if (known === undefined || typeof detail !== 'string') {
    throw new ProtocolError('no refusal of a snapshot');
  }
  return { reason: known, detail };
}
