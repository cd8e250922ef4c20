import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { StorageCorruptionError, StorageFormatError } from './errors.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/** Which of a directory's snapshots is the current one. */
export interface SnapshotPointer {
  /** Sequence number, which is the file's name. */
  readonly sequence: number;
  /** SHA-256 of its content, 64 hex digits. */
  readonly digest: string;
}

export const snapshotPointerBytes = 64;
const pointerFormatVersion = 1;

const magic = Buffer.from('RAFTSNPC');
const at = { version: 8, sequence: 16, digest: 24, crc: 60 };
const digestBytes = 32;

export function encodeSnapshotPointer({ sequence, digest }: SnapshotPointer): Buffer {
  const block = Buffer.alloc(snapshotPointerBytes);
  magic.copy(block);
  block.writeUInt16LE(pointerFormatVersion, at.version);
  writeUint64(block, sequence, at.sequence);
  block.write(digest, at.digest, 'hex');
  block.writeUInt32LE(crc32(block.subarray(0, at.crc)), at.crc);
  return block;
}

/**
 * @throws {StorageCorruptionError} If it is damaged: it gets its name only after it was synced.
 * @throws {StorageFormatError} If a newer version wrote it.
 */
export function decodeSnapshotPointer(block: Buffer, path: string): SnapshotPointer {
  const isWhole =
    block.length === snapshotPointerBytes &&
    block.subarray(0, magic.length).equals(magic) &&
    block.readUInt32LE(at.crc) === crc32(block.subarray(0, at.crc));
  if (!isWhole) throw new StorageCorruptionError(path, 0, 'the snapshot pointer is damaged');
  const version = block.readUInt16LE(at.version);
  if (version !== pointerFormatVersion) {
    throw new StorageFormatError(path, version, pointerFormatVersion);
  }
  return {
    sequence: readUint64(block, at.sequence),
    digest: block.toString('hex', at.digest, at.digest + digestBytes),
  };
}
