import { Buffer } from 'node:buffer';
import path from 'node:path';
import { StorageCorruptionError } from './errors.ts';
import type { FileSystem } from './file-system.ts';
import {
  makeSegment,
  openSegmentFile,
  type Segment,
  type SegmentFile,
  segmentSequence,
} from './segment.ts';
import { scanSegment } from './segment-scan.ts';
import type { VoteState } from './vote-slot.ts';

/** The log as the files show it; nothing was changed on disk yet. */
export interface RecoveredLog {
  /** In log order, at least one. */
  readonly segments: Segment[];
  /** Files that a truncation or a compaction left behind. */
  readonly obsolete: readonly SegmentFile[];
  /** Where the last group of the last segment begins; the segment's end when it has none. */
  readonly lastGroupOffset: number;
  /** The last segment ends where the next group may begin. */
  readonly isClean: boolean;
  /** A torn last group is not part of `segments` (rule L3). */
  readonly isTorn: boolean;
}

/**
 * Reads and checks the whole log (rule L3).
 *
 * @throws {StorageCorruptionError} If anything is damaged that a crash alone cannot have damaged.
 */
export async function recoverLog(
  fileSystem: FileSystem,
  directory: string,
  vote: VoteState,
): Promise<RecoveredLog> {
  const files = await openFiles(fileSystem, directory, vote);
  try {
    const live = selectLive(directory, files, vote);
    const segments: Segment[] = [];
    let isClean = true;
    let isTorn = false;
    let lastGroupOffset = 0;
    for (const [position, file] of live.entries()) {
      const next = live[position + 1]?.header ?? null;
      const content = scanSegment(file.path, readImage(fileSystem, file), file.header, next);
      segments.push(makeSegment(file, content));
      ({ isClean, isTorn, lastGroupOffset } = content);
    }
    checkSyncedPosition(segments, vote);
    const obsolete = files.filter((file) => !live.includes(file));
    return { segments, obsolete, lastGroupOffset, isClean, isTorn };
  } catch (error) {
    for (const file of files) await fileSystem.close(file.file);
    throw error;
  }
}

async function openFiles(
  fileSystem: FileSystem,
  directory: string,
  vote: VoteState,
): Promise<SegmentFile[]> {
  const names = await fileSystem.list(directory);
  const sequences = names.map(segmentSequence).filter((sequence) => sequence !== null);
  const files: SegmentFile[] = [];
  try {
    for (const sequence of sequences.sort((a, b) => a - b)) {
      const file = await openSegmentFile(fileSystem, directory, sequence);
      files.push(file);
      const { clusterId, incarnation } = file.header;
      if (clusterId !== vote.clusterId || incarnation !== vote.incarnation) {
        throw new StorageCorruptionError(
          file.path,
          0,
          `the segment belongs to cluster "${clusterId}", incarnation ${incarnation}`,
        );
      }
    }
    return files;
  } catch (error) {
    for (const file of files) await fileSystem.close(file.file);
    throw error;
  }
}

/** A later segment that begins at or before an earlier one replaced it; what the vote file calls compacted is gone. */
function selectLive(
  directory: string,
  files: readonly SegmentFile[],
  vote: VoteState,
): SegmentFile[] {
  const live: SegmentFile[] = [];
  let firstAfter = Number.POSITIVE_INFINITY;
  for (const file of files.toReversed()) {
    if (file.header.firstIndex >= firstAfter) continue;
    firstAfter = file.header.firstIndex;
    live.unshift(file);
  }
  const { compacted } = vote;
  const first = live.findIndex(({ header }) => header.firstIndex === compacted.index + 1);
  if (first === -1) {
    throw new StorageCorruptionError(
      directory,
      0,
      `the segment that begins with entry ${compacted.index + 1} is missing`,
    );
  }
  const { header, path: name } = live[first]!;
  if (header.previousTerm !== compacted.term) {
    throw new StorageCorruptionError(
      name,
      0,
      `the term before the first entry is ${header.previousTerm}, expected ${compacted.term}`,
    );
  }
  return live.slice(first);
}

function readImage(fileSystem: FileSystem, file: SegmentFile): Buffer {
  const image = Buffer.allocUnsafe(file.sizeBytes);
  return image.subarray(0, fileSystem.read(file.file, image, 0));
}

/** Rule L2: the vote file names only synced entries, so a log that does not reach them lost some. */
function checkSyncedPosition(segments: readonly Segment[], vote: VoteState): void {
  const last = segments.at(-1)!;
  const { synced, compacted } = vote;
  if (synced.index <= compacted.index) return;
  const holder = segments.findLast((segment) => segment.header.firstIndex <= synced.index)!;
  const found =
    synced.index <= holder.entries.lastIndex ? holder.entries.term(synced.index) : 'none';
  if (found === synced.term) return;
  throw new StorageCorruptionError(
    last.path,
    last.end,
    `entry ${synced.index} of term ${synced.term} was synced, but the log ends at ${last.entries.lastIndex} and has term ${found} there`,
  );
}

/** Where the vote file of a directory is. */
export function votePath(directory: string): string {
  return path.join(directory, 'vote');
}
