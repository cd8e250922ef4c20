import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { decodeConfig } from '../core/config.ts';
import { type ClusterConfig, type SnapshotMeta, snapshotFormatVersion } from '../core/types.ts';
import { StorageCorruptionError, StorageFormatError } from './errors.ts';

/** What a snapshot file says of itself. */
export interface SnapshotHeader {
  readonly clusterId: string;
  readonly meta: SnapshotMeta;
}

export const snapshotHeaderBytes = 64 * 1024;

const magic = Buffer.from('RAFTSNAP');
const at = { version: 8, textBytes: 12, text: 16, crc: snapshotHeaderBytes - 4 };

/** @throws {RangeError} If the configuration does not fit: it has hundreds of members. */
export function encodeSnapshotHeader({ clusterId, meta }: SnapshotHeader): Buffer {
  const text = Buffer.from(JSON.stringify({ clusterId, ...meta }));
  if (at.text + text.length > at.crc) {
    throw new RangeError(`a snapshot header of ${text.length} bytes is over the limit`);
  }
  const block = Buffer.alloc(snapshotHeaderBytes);
  magic.copy(block);
  block.writeUInt16LE(meta.formatVersion, at.version);
  block.writeUInt32LE(text.length, at.textBytes);
  text.copy(block, at.text);
  block.writeUInt32LE(crc32(block.subarray(0, at.crc)), at.crc);
  return block;
}

/**
 * @throws {StorageCorruptionError} If it is damaged, or not a header at all.
 * @throws {StorageFormatError} If a newer version wrote it.
 */
export function decodeSnapshotHeader(block: Buffer, path: string): SnapshotHeader {
  const isWhole =
    block.length === snapshotHeaderBytes &&
    block.subarray(0, magic.length).equals(magic) &&
    block.readUInt32LE(at.crc) === crc32(block.subarray(0, at.crc));
  if (!isWhole) throw new StorageCorruptionError(path, 0, 'the snapshot header is damaged');
  const version = block.readUInt16LE(at.version);
  if (version !== snapshotFormatVersion) {
    throw new StorageFormatError(path, version, snapshotFormatVersion);
  }
  try {
    return parse(block.toString('utf8', at.text, at.text + block.readUInt32LE(at.textBytes)));
  } catch {
    throw new StorageCorruptionError(path, at.text, 'the snapshot header makes no sense');
  }
}

function parse(text: string): SnapshotHeader {
  const { clusterId, config, ...rest } = JSON.parse(text) as SnapshotMeta & { clusterId: string };
  const counts = [rest.lastIndex, rest.lastTerm, rest.configIndex, rest.bytes, rest.formatVersion];
  const isGood =
    rest.lastIndex >= 1 &&
    rest.configIndex <= rest.lastIndex &&
    typeof clusterId === 'string' &&
    counts.every((count) => Number.isSafeInteger(count) && count >= 0) &&
    /^[0-9a-f]{64}$/.test(rest.digest);
  if (!isGood) throw new SyntaxError('no snapshot header');
  return { clusterId, meta: { ...rest, config: checkedConfig(config) } };
}

function checkedConfig(config: unknown): ClusterConfig {
  return decodeConfig(new TextEncoder().encode(JSON.stringify(config)));
}
