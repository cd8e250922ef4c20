import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { Entry, HardState, Index, LogId, Term } from '../core/types.ts';
import type { AppendBatch, BootstrapMembers, LogStore, RestoredState } from '../ports.ts';
import { lockDirectory, type Unlock } from './directory-lock.ts';
import { EntryCache } from './entry-cache.ts';
import { LogRangeError, StorageError, StorageFailedError, StorageUsageError } from './errors.ts';
import { type Done, type FileSystem, nodeFileSystem } from './file-system.ts';
import { openLog } from './log-opening.ts';
import type { StorageMetrics } from './metrics.ts';
import {
  resolveSegmentLogOptions,
  type SegmentLogOptions,
  type SegmentLogSettings,
} from './options.ts';
import { encodeGroup, groupBytes } from './record.ts';
import type { Segment } from './segment.ts';
import type { SegmentFactory } from './segment-factory.ts';
import { segmentHeaderBytes } from './segment-header.ts';
import type { SegmentList } from './segment-list.ts';
import type { VoteChange, VoteFile } from './vote-file.ts';
import { encodeBootstrap } from './vote-slot.ts';

/** What a `SegmentLogStore` works with; the defaults are the real ones. */
export interface SegmentLogDependencies {
  readonly fileSystem: FileSystem;
  readonly metrics: StorageMetrics | null;
  /** Source of the incarnation. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Keeps other processes from the directory. */
  readonly lockDirectory: (directory: string) => Promise<Unlock>;
  /** Calls back once, after `delayMs`, without keeping the process alive; returns the way to cancel. */
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
}

interface OpenLog {
  readonly unlock: Unlock;
  readonly vote: VoteFile;
  readonly factory: SegmentFactory;
  readonly segments: SegmentList;
}

/** A write buffer above this size is not kept for the next group. */
const keptBufferBytesMax = 4 * 1024 * 1024;

/**
 * The durable log of one member: preallocated segment files of chained records, one sync a group, and a vote file
 * (rules L1 to L3; `docs/segment-log.md` has the format byte by byte).
 *
 * Fail-stop: the first error of any kind latches the store. Everything after it fails with the same error, and nothing is
 * written again: after a failed fdatasync(2) the kernel may have dropped the data and call the next one a success.
 */
export class SegmentLogStore implements LogStore {
  readonly #options: SegmentLogOptions;
  readonly #dependencies: SegmentLogDependencies;
  readonly #cache: EntryCache;
  #log: OpenLog | null = null;
  #compacted: LogId = { index: 0, term: 0 };
  #failure: StorageError | null = null;
  #isAppending = false;
  #onIdle: (() => void) | null = null;
  #buffer = Buffer.alloc(0);
  #cancelPosition: (() => void) | null = null;
  #isPositionDue = false;
  #compaction: Promise<void> = Promise.resolve();

  /** @throws {InvalidOptionError} If an option is out of range. */
  constructor(settings: SegmentLogSettings, dependencies: Partial<SegmentLogDependencies> = {}) {
    this.#options = resolveSegmentLogOptions(settings);
    this.#dependencies = {
      fileSystem: nodeFileSystem,
      metrics: null,
      randomBytes,
      lockDirectory,
      setTimer: setUnrefTimer,
      ...dependencies,
    };
    this.#cache = new EntryCache(this.#options.cacheBytesMax);
  }

  /** The error that latched the store, or null. */
  get failure(): StorageError | null {
    return this.#failure;
  }

  /** Identity of the data directory, 32 hex digits; the store must be open. */
  get incarnation(): string {
    return this.#opened().vote.state.incarnation;
  }

  /** Index of the first entry held. */
  get firstIndex(): Index {
    return this.#compacted.index + 1;
  }

  /** Index of the newest durable entry. */
  get lastIndex(): Index {
    return this.#opened().segments.lastIndex;
  }

  /**
   * @throws {StorageLockedError} If the directory is open elsewhere.
   * @throws {StorageCorruptionError} If the files are damaged beyond what a crash explains.
   * @throws {StorageIdentityError} If the directory is another cluster's.
   * @throws {StorageFormatError} If a newer version wrote it.
   * @throws {StorageFailedError} If the disk refuses.
   */
  async open(): Promise<RestoredState> {
    if (this.#log !== null) throw this.#misuse('the store is open already');
    const { directory } = this.#options;
    const { fileSystem } = this.#dependencies;
    try {
      await fileSystem.makeDirectory(directory);
      const unlock = await this.#dependencies.lockDirectory(directory);
      try {
        const opened = await openLog(this.#options, this.#dependencies);
        this.#log = { unlock, ...opened };
      } catch (error) {
        await unlock();
        throw error;
      }
    } catch (error) {
      throw this.#asStorageError(error, 'the log could not be opened');
    }
    const { vote, segments } = this.#log;
    this.#compacted = vote.state.compacted;
    this.#prepareNext();
    this.#dependencies.metrics?.segments.set(segments.all.length);
    const { hardState, compacted, tornLog, incarnation, bootstrap } = vote.state;
    const { lastIndex } = segments;
    return { hardState, compacted, lastIndex, tornLog, incarnation, bootstrap };
  }

  /** @throws {InvalidOptionError} If they are longer than the vote file has room for. */
  async noteBootstrap(members: BootstrapMembers): Promise<void> {
    const { vote } = this.#opened();
    if (this.#failure !== null) throw this.#failure;
    encodeBootstrap(members);
    try {
      await vote.update({ bootstrap: members });
    } catch (error) {
      throw this.#latch(error);
    }
  }

  /** @throws {StorageUsageError} If the store is not open or an append is in flight. */
  append(batch: AppendBatch, done: Done): void {
    const { segments } = this.#opened();
    if (this.#isAppending) throw this.#misuse('an append is in flight already');
    const startMs = performance.now();
    this.#isAppending = true;
    const complete = (error: unknown): void => this.#complete(error, startMs, done);
    const problem = this.#failure ?? this.#findProblem(batch);
    if (problem !== null) {
      queueMicrotask(() => complete(problem));
      return;
    }
    const { hardState, reset, truncateFrom, entries, clearTorn } = batch;
    const isPlain = hardState === null && reset === null && truncateFrom === null && !clearTorn;
    if (isPlain && entries.length > 0 && this.#fits(segments.last, entries)) {
      this.#writeGroup(segments.last, entries, complete);
    } else {
      this.#appendInSteps(batch).then(() => complete(null), complete);
    }
  }

  term(index: Index): Term | undefined {
    if (index === this.#compacted.index) return this.#compacted.term;
    return index < this.#compacted.index ? undefined : this.#opened().segments.term(index);
  }

  /**
   * @throws {LogRangeError} If not all of the entries are in the log.
   * @throws {StorageCorruptionError} If the file no longer holds what was written; the store is latched then.
   */
  entries(from: Index, to: Index, bytesMax: number): readonly Entry[] {
    const { segments } = this.#opened();
    if (this.#failure !== null) throw this.#failure;
    if (!(from >= this.firstIndex && from < to && to <= segments.lastIndex + 1)) {
      throw new LogRangeError(
        this.#options.directory,
        from,
        to,
        this.firstIndex,
        segments.lastIndex,
      );
    }
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#walk(from, to, bytesMax)) {
      bytes += entry.data.length;
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }

  async compact(index: Index): Promise<void> {
    this.#opened();
    const run = this.#compaction.then(() => this.#compactNow(index));
    this.#compaction = run.catch(() => undefined);
    await run;
  }

  /** Waits for the append in flight; notes the log's end in the vote file unless the store is latched. */
  async close(): Promise<void> {
    const log = this.#log;
    if (log === null) return;
    if (this.#isAppending) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#compaction;
    this.#cancelPosition?.();
    this.#cancelPosition = null;
    this.#log = null;
    const { fileSystem } = this.#dependencies;
    try {
      await log.factory.close();
      if (this.#failure === null) await log.vote.update({ synced: positionOf(log.segments) });
    } catch (error) {
      throw this.#latch(error);
    } finally {
      // What had to be durable was synced: an error of close(2) says nothing more.
      const files = log.segments.all.map(({ file }) => fileSystem.close(file));
      await Promise.allSettled([...files, log.vote.close()]);
      await log.unlock();
    }
  }

  *#walk(from: Index, to: Index, bytesMax: number): Generator<Entry, void> {
    let index = from;
    while (index < to) {
      const cached = this.#cache.get(index);
      if (cached !== undefined) {
        yield cached;
        index += 1;
        continue;
      }
      this.#dependencies.metrics?.diskReads.inc();
      const read = this.#readFromDisk(index, Math.min(to, this.#cache.firstIndex), bytesMax);
      yield* read;
      index += read.length;
    }
  }

  #readFromDisk(from: Index, to: Index, bytesMax: number): readonly Entry[] {
    try {
      return this.#opened().segments.read(from, to, bytesMax);
    } catch (error) {
      throw this.#latch(error);
    }
  }

  async #appendInSteps(batch: AppendBatch): Promise<void> {
    const { hardState, reset, truncateFrom, entries, clearTorn } = batch;
    const { vote, segments } = this.#opened();
    if (reset !== null) await this.#reset(reset, hardState);
    const isTruncated = truncateFrom !== null && truncateFrom <= segments.lastIndex;
    // Term and vote come first: an entry of a term must never be found under an older one.
    const change: VoteChange = {
      ...(hardState === null || reset !== null ? {} : { hardState }),
      ...(isTruncated ? this.#loweredPosition(truncateFrom) : {}),
    };
    if (Object.keys(change).length > 0) await vote.update(change);
    if (isTruncated) await this.#truncate(truncateFrom);
    if (entries.length > 0) {
      if (!this.#fits(segments.last, entries)) await this.#beginSegment();
      await new Promise<void>((resolve, reject) => {
        this.#writeGroup(segments.last, entries, (error) => (error ? reject(error) : resolve()));
      });
    }
    if (clearTorn && vote.state.tornLog) await vote.update({ tornLog: false });
  }

  /**
   * Rule T5: one write of the vote file gives the old log up and says where the new one begins; from then on a crash leads to
   * an empty log there. The files follow. No compaction may come between.
   */
  #reset(position: LogId, hardState: HardState | null): Promise<void> {
    const run = this.#compaction.then(async () => {
      const { vote, segments } = this.#opened();
      await vote.update({
        ...(hardState === null ? {} : { hardState }),
        ...{ compacted: position, synced: position, initialising: true },
      });
      const place = { firstIndex: position.index + 1, previousTerm: position.term, seed: 0 };
      const first = await this.#begin(place);
      this.#compacted = position;
      this.#cache.truncate(0);
      const dropped = segments.replace(first);
      await vote.update({ initialising: false });
      await this.#removeSegments(dropped);
      this.#dependencies.metrics?.segments.set(segments.all.length);
    });
    this.#compaction = run.catch(() => undefined);
    return run;
  }

  /** Rule L2: the vote file must not name an entry that is about to go. */
  #loweredPosition(truncateFrom: Index): VoteChange {
    const { synced } = this.#opened().vote.state;
    const index = Math.min(synced.index, truncateFrom - 1);
    return { synced: { index, term: this.term(index) ?? 0 } };
  }

  /** A new segment takes the place of what goes: no byte of an older life ever lies behind the log's end. */
  async #truncate(from: Index): Promise<void> {
    const { segments } = this.#opened();
    const { fileSystem } = this.#dependencies;
    const holder = segments.holder(from);
    const successor = await this.#begin({
      firstIndex: from,
      previousTerm: this.term(from - 1)!,
      seed: holder.entries.seed(from),
    });
    const dropped = segments.truncate(from);
    this.#cache.truncate(from);
    const cut = segments.all.at(-1);
    segments.push(successor);
    if (cut !== undefined) await fileSystem.truncate(cut.file, cut.end);
    await this.#removeSegments(dropped);
    this.#dependencies.metrics?.segments.set(segments.all.length);
  }

  async #beginSegment(): Promise<void> {
    const { segments } = this.#opened();
    const { entries, crc } = segments.last;
    const firstIndex = entries.lastIndex + 1;
    const previousTerm = this.term(firstIndex - 1)!;
    segments.push(await this.#begin({ firstIndex, previousTerm, seed: crc }));
    this.#dependencies.metrics?.segments.set(segments.all.length);
  }

  async #begin(place: { firstIndex: Index; previousTerm: Term; seed: number }): Promise<Segment> {
    const { factory, vote, segments } = this.#opened();
    const { clusterId, incarnation } = vote.state;
    const sequence = segments.last.header.sequence + 1;
    const { segment, wasPrepared } = await factory.begin({
      clusterId,
      incarnation,
      sequence,
      ...place,
    });
    if (!wasPrepared) this.#dependencies.metrics?.segmentsUnprepared.inc();
    this.#prepareNext();
    return segment;
  }

  #prepareNext(): void {
    this.#opened()
      .factory.prepare()
      .catch((error: unknown) => this.#latch(error));
  }

  #fits(segment: Segment, entries: readonly Entry[]): boolean {
    return (
      segment.end === segmentHeaderBytes ||
      segment.end + groupBytes(entries) <= this.#options.segmentBytes
    );
  }

  #writeGroup(segment: Segment, entries: readonly Entry[], done: Done): void {
    const { fileSystem, metrics } = this.#dependencies;
    const bytes = groupBytes(entries);
    const target = this.#takeBuffer(bytes);
    const { end: offset, crc, footerSeed } = segment;
    const group = encodeGroup(target, entries, { offset, crc, footerSeed });
    fileSystem.write(segment.file, target, offset, (writeError) => {
      if (writeError) done(writeError);
      else
        fileSystem.dataSync(segment.file, (syncError) => {
          if (syncError) return done(syncError);
          for (let i = 0; i < entries.length; i++) {
            segment.entries.push(group.offsets[i]!, group.seeds[i]!, entries[i]!.term);
          }
          segment.end = offset + bytes;
          segment.crc = group.crc;
          this.#cache.push(entries);
          metrics?.writtenBytes.inc(bytes);
          done(null);
        });
    });
  }

  /** One append is in flight at a time, so one buffer serves them all. */
  #takeBuffer(bytes: number): Buffer {
    if (bytes > keptBufferBytesMax) return Buffer.allocUnsafe(bytes);
    if (this.#buffer.length < bytes) {
      this.#buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
    }
    return this.#buffer.subarray(0, bytes);
  }

  #complete(error: unknown, startMs: number, done: Done): void {
    this.#isAppending = false;
    const failure = error === null ? this.#failure : this.#latch(error);
    if (failure === null) {
      this.#dependencies.metrics?.appendSeconds.observe((performance.now() - startMs) / 1000);
      this.#notePositionSoon();
    }
    this.#onIdle?.();
    done(failure);
  }

  /** Rule L2: at least every second the vote file learns how far the log surely reaches. */
  #notePositionSoon(): void {
    if (this.#isPositionDue) this.#notePosition();
    if (this.#cancelPosition !== null) return;
    this.#cancelPosition = this.#dependencies.setTimer(this.#options.positionIntervalMs, () => {
      this.#cancelPosition = null;
      // A truncation may be under way: the position that memory holds could be about to go.
      if (this.#isAppending) this.#isPositionDue = true;
      else this.#notePosition();
    });
  }

  #notePosition(): void {
    this.#isPositionDue = false;
    const log = this.#log;
    if (log === null || this.#failure !== null) return;
    log.vote.write({ synced: positionOf(log.segments) }, (error) => {
      if (error) this.#latch(error);
    });
  }

  async #compactNow(index: Index): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const { segments, vote } = this.#opened();
    const compacted = segments.compactionPoint(index);
    if (compacted === null) return;
    try {
      await vote.update({ compacted });
      this.#compacted = compacted;
      await this.#removeSegments(segments.dropBefore(compacted.index));
      this.#dependencies.metrics?.segments.set(segments.all.length);
    } catch (error) {
      throw this.#latch(error);
    }
  }

  async #removeSegments(dropped: readonly Segment[]): Promise<void> {
    const { fileSystem } = this.#dependencies;
    for (const segment of dropped) {
      await fileSystem.close(segment.file);
      await fileSystem.remove(segment.path);
    }
  }

  #findProblem(batch: AppendBatch): StorageError | null {
    const { segments } = this.#opened();
    const { reset, truncateFrom, entries } = batch;
    const compacted = reset ?? this.#compacted;
    if (compacted.index < this.#compacted.index) {
      return this.#misuse(`cannot reset to ${compacted.index}: the log begins behind that`);
    }
    const last = reset?.index ?? segments.lastIndex;
    const from = truncateFrom ?? last + 1;
    if (!(from > compacted.index && from <= last + 1)) {
      return this.#misuse(`cannot truncate from ${from}: the log ends at ${last}`);
    }
    let term = (reset === null ? this.term(from - 1) : reset.term) ?? 0;
    for (const [position, entry] of entries.entries()) {
      const isNext = entry.index === from + position && Number.isSafeInteger(entry.index);
      if (!isNext || !Number.isSafeInteger(entry.term) || entry.term < term) {
        return this.#misuse(
          `entry ${entry.index} of term ${entry.term} does not follow entry ${from + position - 1} of term ${term}`,
        );
      }
      term = entry.term;
    }
    return null;
  }

  #latch(error: unknown): StorageError {
    this.#log?.factory.stop();
    this.#failure ??= this.#asStorageError(error, 'the disk refused');
    return this.#failure;
  }

  #asStorageError(error: unknown, message: string): StorageError {
    if (error instanceof StorageError) return error;
    return new StorageFailedError(this.#options.directory, message, error);
  }

  #misuse(message: string): StorageUsageError {
    return new StorageUsageError(this.#options.directory, message);
  }

  #opened(): OpenLog {
    if (this.#log === null) throw this.#misuse('the store is not open');
    return this.#log;
  }
}

function setUnrefTimer(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

function positionOf(segments: SegmentList): LogId {
  // A log without entries has nothing to name; index 0 is below every log.
  const index = segments.lastIndex;
  return { index, term: segments.term(index) ?? 0 };
}
