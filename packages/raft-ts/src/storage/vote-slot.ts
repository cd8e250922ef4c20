import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { HardState, LogId } from '../core/types.ts';
import { InvalidOptionError } from '../errors.ts';
import type { BootstrapMembers } from '../ports.ts';
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
  /** The first configuration of the cluster; null until it is noted. */
  readonly bootstrap: BootstrapMembers | null;
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
  bootstrapBytes: 592,
  bootstrap: 594,
  crc: 4092,
};
const noVote = 0xffff;
const idBytesMax = 255;
const bootstrapBytesMax = at.crc - at.bootstrap;
const flag = { tornLog: 1, initialising: 2 };

/**
 * @throws {RangeError} If an id is longer than 255 bytes.
 * @throws {InvalidOptionError} If the first members do not fit into a slot.
 */
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
  writeBootstrap(slot, state.bootstrap);
  slot.writeUInt32LE(crc32(slot.subarray(0, at.crc)), at.crc);
  return slot;
}

function writeId(slot: Buffer, id: string, offset: number): number {
  const bytes = Buffer.from(id);
  if (bytes.length > idBytesMax) throw new RangeError(`id "${id}" is longer than 255 bytes`);
  bytes.copy(slot, offset);
  return bytes.length;
}

/**
 * The first members as a slot has them, JSON in UTF-8.
 *
 * @throws {InvalidOptionError} If that is more than there is room for.
 */
export function encodeBootstrap(bootstrap: BootstrapMembers): Buffer {
  const bytes = Buffer.from(JSON.stringify(bootstrap));
  if (bytes.length <= bootstrapBytesMax) return bytes;
  throw new InvalidOptionError('members', `at most ${bootstrapBytesMax} bytes long`, bytes.length);
}

/** Length first; a slot of an earlier version has zeros there. */
function writeBootstrap(slot: Buffer, bootstrap: BootstrapMembers | null): void {
  if (bootstrap === null) return;
  const bytes = encodeBootstrap(bootstrap);
  slot.writeUInt16LE(bytes.length, at.bootstrapBytes);
  bytes.copy(slot, at.bootstrap);
}

function readBootstrap(slot: Buffer): BootstrapMembers | null {
  const bytes = slot.readUInt16LE(at.bootstrapBytes);
  if (bytes === 0) return null;
  return JSON.parse(slot.toString('utf8', at.bootstrap, at.bootstrap + bytes));
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
      bootstrap: readBootstrap(slot),
    },
  };
}
