import { Buffer } from 'node:buffer';
import path from 'node:path';
import { StorageCorruptionError, StorageIdentityError } from './errors.ts';
import { dataSyncAsync, type FileSystem, writeAsync } from './file-system.ts';
import { type RecoveredLog, recoverLog, votePath } from './log-recovery.ts';
import type { SegmentLogOptions } from './options.ts';
import { segmentSequence } from './segment.ts';
import { isSpareName, SegmentFactory } from './segment-factory.ts';
import { SegmentList } from './segment-list.ts';
import { VoteFile } from './vote-file.ts';
import type { VoteState } from './vote-slot.ts';

interface OpeningDependencies {
  readonly fileSystem: FileSystem;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What an opened directory consists of. */
export interface OpenedLog {
  readonly vote: VoteFile;
  readonly factory: SegmentFactory;
  readonly segments: SegmentList;
}

const incarnationBytes = 16;

/** Opens the log of a directory, or makes one in an empty directory. The caller holds the lock. */
export async function openLog(
  options: SegmentLogOptions,
  dependencies: OpeningDependencies,
): Promise<OpenedLog> {
  const { fileSystem } = dependencies;
  const { directory, segmentBytes } = options;
  const vote = await openVote(options, dependencies);
  try {
    const factory = new SegmentFactory(fileSystem, directory, segmentBytes);
    const opening = { directory, fileSystem, vote, factory };
    const segments = vote.state.initialising ? await initialise(opening) : await restore(opening);
    return { vote, factory, segments };
  } catch (error) {
    await vote.close();
    throw error;
  }
}

interface Opening {
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly vote: VoteFile;
  readonly factory: SegmentFactory;
}

async function openVote(
  options: SegmentLogOptions,
  { fileSystem, randomBytes }: OpeningDependencies,
): Promise<VoteFile> {
  const { directory, clusterId } = options;
  const file = votePath(directory);
  const names = await fileSystem.list(directory);
  for (const name of names) {
    if (isSpareName(name) || name === 'vote.tmp')
      await fileSystem.remove(path.join(directory, name));
  }
  if (names.includes('vote')) {
    const vote = await VoteFile.open(fileSystem, file);
    if (vote.state.clusterId === clusterId) return vote;
    await vote.close();
    throw new StorageIdentityError(directory, clusterId, vote.state.clusterId);
  }
  if (names.some((name) => segmentSequence(name) !== null)) {
    throw new StorageCorruptionError(file, 0, 'the vote file is missing beside a log');
  }
  const vote = await VoteFile.create(
    fileSystem,
    file,
    newState(clusterId, Buffer.from(randomBytes(incarnationBytes)).toString('hex')),
  );
  await fileSystem.syncDirectory(directory);
  return vote;
}

function newState(clusterId: string, incarnation: string): VoteState {
  return {
    sequence: 0,
    clusterId,
    incarnation,
    hardState: { term: 0, votedFor: null },
    compacted: { index: 0, term: 0 },
    synced: { index: 0, term: 0 },
    tornLog: false,
    initialising: true,
    bootstrap: null,
  };
}

/**
 * Makes the first segment of a log, behind the compacted entry. A crash before the last step leaves a directory that is made
 * anew.
 */
async function initialise({ directory, fileSystem, vote, factory }: Opening): Promise<SegmentList> {
  for (const name of await fileSystem.list(directory)) {
    if (segmentSequence(name) !== null) await fileSystem.remove(path.join(directory, name));
  }
  await factory.prepare();
  const { clusterId, incarnation, compacted } = vote.state;
  const header = {
    clusterId,
    incarnation,
    sequence: 1,
    firstIndex: compacted.index + 1,
    previousTerm: compacted.term,
    seed: 0,
  };
  const { segment } = await factory.begin(header);
  await vote.update({ initialising: false });
  return new SegmentList(fileSystem, [segment]);
}

async function restore(opening: Opening): Promise<SegmentList> {
  const { directory, fileSystem, vote } = opening;
  const log = await recoverLog(fileSystem, directory, vote.state);
  try {
    // What was found, names included, may be in the page cache only. It counts from now on, so it is made durable; the
    // torn mark comes before the cut, so that no crash can lose it.
    await fileSystem.syncDirectory(directory);
    await vote.update({ tornLog: vote.state.tornLog || log.isTorn });
    await writeLastGroupAgain(fileSystem, log);
    const segments = new SegmentList(fileSystem, log.segments);
    if (!log.isClean) await cutTail(opening, segments);
    await removeObsolete(fileSystem, log);
    return segments;
  } catch (error) {
    for (const { file } of log.segments) await fileSystem.close(file).catch(() => undefined);
    throw error;
  }
}

/**
 * A sync of the last group may have failed, and the process have started again since: then the page cache shows the group
 * while the disk lacks it, and a sync alone would call it durable without writing anything. Earlier groups were synced.
 */
async function writeLastGroupAgain(fileSystem: FileSystem, log: RecoveredLog): Promise<void> {
  const { file, end } = log.segments.at(-1)!;
  const group = Buffer.alloc(end - log.lastGroupOffset);
  if (group.length > 0) {
    fileSystem.read(file, group, log.lastGroupOffset);
    await writeAsync(fileSystem, file, group, log.lastGroupOffset);
  }
  await dataSyncAsync(fileSystem, file);
}

/** The log goes on in a new segment, which makes whatever follows the last good record meaningless. */
async function cutTail(opening: Opening, segments: SegmentList): Promise<void> {
  const { fileSystem, vote, factory } = opening;
  const damaged = segments.last;
  const { clusterId, incarnation, compacted } = vote.state;
  const firstIndex = segments.lastIndex + 1;
  await factory.prepare();
  const { segment } = await factory.begin({
    clusterId,
    incarnation,
    sequence: damaged.header.sequence + 1,
    firstIndex,
    previousTerm: segments.term(firstIndex - 1) ?? compacted.term,
    seed: damaged.crc,
  });
  // Without an entry the damaged segment begins where the new one does, and goes.
  const dropped = segments.truncate(firstIndex);
  segments.push(segment);
  if (dropped.length === 0) await fileSystem.truncate(damaged.file, damaged.end);
  for (const { file, path: name } of dropped) {
    await fileSystem.close(file);
    await fileSystem.remove(name);
  }
}

async function removeObsolete(fileSystem: FileSystem, log: RecoveredLog): Promise<void> {
  for (const { file, path: name } of log.obsolete) {
    await fileSystem.close(file);
    await fileSystem.remove(name);
  }
}
