import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { HardState, LogId } from '../core/types.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/** Everything that the vote file holds. */
export interface VoteState {
  /** Grows by one with each write. */
  readonly sequence: number;
  readonly clusterId: string;
  /** 32 hex digits. */
  readonly incarnation: string;
  readonly hardState: HardState;
  readonly compacted: LogId;
  /** A synced entry: a log that does not reach it is damaged. */
  readonly synced: LogId;
  /** A torn group was cut and no leader has brought the member level since (rule L3). */
  readonly tornLog: boolean;
  /** The log is being made, or made anew by a reset: it holds no entry behind the compacted one, whatever files there are. */
  readonly initialising: boolean;
}

/** What a slot's bytes turned out to be. */
export type VoteSlot =
  | { readonly kind: 'whole'; readonly state: VoteState }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'newer'; readonly version: number };

/** A slot is one page, so that no write of one touches the other. */
export const voteSlotBytes = 4096;
export const voteFormatVersion = 1;

const magic = Buffer.from('RAFTVOTE');
const at = {
  version: 8,
  flags: 10,
  votedForBytes: 12,
  clusterIdBytes: 14,
  incarnation: 16,
  sequence: 32,
  term: 40,
  compactedIndex: 48,
  compactedTerm: 56,
  syncedIndex: 64,
  syncedTerm: 72,
  votedFor: 80,
  clusterId: 336,
  crc: 4092,
};
const noVote = 0xffff;
const idBytesMax = 255;
const flag = { tornLog: 1, initialising: 2 };

/** @throws {RangeError} If an id is longer than 255 bytes. */
export function encodeVoteSlot(state: VoteState): Buffer {
  const slot = Buffer.alloc(voteSlotBytes);
  magic.copy(slot);
  slot.writeUInt16LE(voteFormatVersion, at.version);
  slot.writeUInt16LE(
    (state.tornLog ? flag.tornLog : 0) | (state.initialising ? flag.initialising : 0),
    at.flags,
  );
  const votedFor = state.hardState.votedFor;
  slot.writeUInt16LE(
    votedFor === null ? noVote : writeId(slot, votedFor, at.votedFor),
    at.votedForBytes,
  );
  slot.writeUInt16LE(writeId(slot, state.clusterId, at.clusterId), at.clusterIdBytes);
  slot.write(state.incarnation, at.incarnation, 'hex');
  writeUint64(slot, state.sequence, at.sequence);
  writeUint64(slot, state.hardState.term, at.term);
  writeUint64(slot, state.compacted.index, at.compactedIndex);
  writeUint64(slot, state.compacted.term, at.compactedTerm);
  writeUint64(slot, state.synced.index, at.syncedIndex);
  writeUint64(slot, state.synced.term, at.syncedTerm);
  slot.writeUInt32LE(crc32(slot.subarray(0, at.crc)), at.crc);
  return slot;
}

function writeId(slot: Buffer, id: string, offset: number): number {
  const bytes = Buffer.from(id);
  if (bytes.length > idBytesMax) throw new RangeError(`id "${id}" is longer than 255 bytes`);
  bytes.copy(slot, offset);
  return bytes.length;
}

export function decodeVoteSlot(slot: Buffer): VoteSlot {
  if (slot.length !== voteSlotBytes || !slot.subarray(0, magic.length).equals(magic)) {
    return { kind: 'damaged' };
  }
  if (slot.readUInt32LE(at.crc) !== crc32(slot.subarray(0, at.crc))) return { kind: 'damaged' };
  const version = slot.readUInt16LE(at.version);
  if (version !== voteFormatVersion) return { kind: 'newer', version };
  const votedForBytes = slot.readUInt16LE(at.votedForBytes);
  const flags = slot.readUInt16LE(at.flags);
  const id = (offset: number, bytes: number): string =>
    slot.toString('utf8', offset, offset + bytes);
  return {
    kind: 'whole',
    state: {
      sequence: readUint64(slot, at.sequence),
      clusterId: id(at.clusterId, slot.readUInt16LE(at.clusterIdBytes)),
      incarnation: slot.toString('hex', at.incarnation, at.incarnation + 16),
      hardState: {
        term: readUint64(slot, at.term),
        votedFor: votedForBytes === noVote ? null : id(at.votedFor, votedForBytes),
      },
      compacted: {
        index: readUint64(slot, at.compactedIndex),
        term: readUint64(slot, at.compactedTerm),
      },
      synced: { index: readUint64(slot, at.syncedIndex), term: readUint64(slot, at.syncedTerm) },
      tornLog: (flags & flag.tornLog) !== 0,
      initialising: (flags & flag.initialising) !== 0,
    },
  };
}
