import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Level } from 'level';
import { readUint32, writeUint32 } from './byte-order.ts';
import { type CheckpointPosition, packPosition, unpackPosition } from './checkpoint-position.ts';
import { CheckpointRanges } from './checkpoint-ranges.ts';
import {
  CheckpointDamagedError,
  CheckpointOpenError,
  CheckpointStateError,
  CheckpointVersionError,
  CheckpointWriteError,
  FlowCodecError,
} from './errors.ts';
import { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import { KeySpace, keyOfSpace, rangeOfSpace } from './key-space.ts';
import type { CheckpointMetrics } from './metrics.ts';
import { type CheckpointOptions, resolveCheckpointOptions } from './options.ts';
import { StoredFlow } from './stored-flow.ts';

const FORMAT_VERSION = 1;
/** Entries fetched at once at load, and how much LevelDB reads ahead: its default of 16 KiB would double the time. */
const LOAD_ENTRIES = 1000;
const LOAD_READ_AHEAD_BYTES = 1024 * 1024;

type Database = Level<Uint8Array, Uint8Array>;
type Batch = ReturnType<typeof newBatch>;

const newBatch = (database: Database) => database.batch();

/** What {@link Checkpoint.load} found: the position to replay the log from, and the caller's state at it. */
export interface LoadedCheckpoint {
  /** Replay from the entry behind this one; 0 if no round has ever ended. */
  appliedIndex: number;
  appliedTerm: number;
  meta: Uint8Array;
  /** Flows put into the table. */
  flows: number;
}

/** What one round wrote. */
export interface CheckpointRound {
  flows: number;
  tombstones: number;
  batches: number;
  seconds: number;
}

export interface CheckpointDependencies {
  metrics: CheckpointMetrics | null;
  /** Called before each batch is written, with the number of its puts and deletes; a rejection counts as a failed write. For fault injection. */
  beforeWrite?: (operations: number) => Promise<void>;
}

/**
 * The durable form of a {@link FlowTable} in LevelDB (rules T1, T2, T4), and the only file that touches it. A restart is
 * `open`, `load`, then replay of the log behind `appliedIndex`.
 *
 * The caller's duties: it passes to `write` only indexes that its own log has durably, so that what is applied on disk
 * never runs ahead of that log; it cuts the log only up to the index of a round that has ended; after
 * {@link CheckpointDamagedError} it closes and {@link discardCheckpoint}s the directory and asks for a snapshot, as it does
 * when `appliedIndex` is below what its log begins with.
 */
export class Checkpoint {
  readonly directory: string;
  readonly #options: Readonly<CheckpointOptions>;
  readonly #dependencies: CheckpointDependencies;
  #database: Database;
  readonly #flow = new StoredFlow();
  readonly #fields = new FlowRecord();
  #table: FlowTable | null = null;
  #ranges = new CheckpointRanges();
  #writing: Promise<CheckpointRound> | null = null;
  #failure: CheckpointWriteError | null = null;
  #closed = false;
  #fresh = true;

  private constructor(
    directory: string,
    database: Database,
    options: Readonly<CheckpointOptions>,
    dependencies: CheckpointDependencies,
  ) {
    this.directory = directory;
    this.#database = database;
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Opens the checkpoint in a directory, which is made if it is not there.
   *
   * @throws {CheckpointDamagedError} If LevelDB says that it is corrupt.
   * @throws {CheckpointOpenError} If it cannot be opened otherwise, for example because another process has it.
   */
  static async open(
    directory: string,
    options: Partial<CheckpointOptions> = {},
    dependencies: CheckpointDependencies = { metrics: null },
  ): Promise<Checkpoint> {
    const resolved = resolveCheckpointOptions(options);
    // LevelDB starts afresh without CURRENT: that would pass the rest of a damaged directory for an empty one.
    if (existsSync(directory) && !existsSync(join(directory, 'CURRENT'))) {
      const rest = readdirSync(directory).filter((name) => /\.(ldb|sst)$|^MANIFEST-/.test(name));
      if (rest.length > 0) throw new CheckpointDamagedError(directory, 'its CURRENT file is gone');
    }
    const database = await openDatabase(directory, resolved);
    return new Checkpoint(directory, database, resolved, dependencies);
  }

  /** Whether a round is being written. */
  get writing(): boolean {
    return this.#writing !== null;
  }

  /**
   * Loads the flows into an empty table, which is from then on the one that `write` writes. After an error the table is empty.
   *
   * @returns the position, or null if the checkpoint is new.
   * @throws {CheckpointDamagedError} If what is there is not what was written.
   * @throws {CheckpointVersionError} If a newer release wrote it.
   */
  async load(table: FlowTable): Promise<LoadedCheckpoint | null> {
    this.#refuseUnless(!this.#closed, 'load', 'it is closed');
    this.#refuseUnless(this.#table === null, 'load', 'it is loaded already');
    this.#refuseUnless(table.size === 0, 'load', 'the table is not empty');
    const startMs = performance.now();
    try {
      const loaded = await this.#load(table);
      this.#table = table;
      this.#dependencies.metrics?.loadSeconds.observe((performance.now() - startMs) / 1000);
      return loaded;
    } catch (error) {
      table.clear();
      throw this.#loadError(error);
    }
  }

  /**
   * Writes what has changed since the last round, and the position, which is that of this call. Up to `flowsPerBatchMax`
   * changes are one atomic synced batch; more are several, of which only the last moves the position, while flows may be
   * newer than it (T1). Apply may go on meanwhile.
   *
   * @throws {CheckpointWriteError} If a batch cannot be written; every later call says the same.
   * @throws {CheckpointStateError} If a round is being written, or nothing was loaded yet, or it is closed.
   */
  async write(position: CheckpointPosition): Promise<CheckpointRound> {
    this.#refuseUnless(!this.#closed, 'write', 'it is closed');
    this.#refuseUnless(this.#writing === null, 'write', 'a round is being written');
    const table = this.#table;
    if (!table) throw new CheckpointStateError('write', 'it is not loaded');
    if (this.#failure !== null) throw this.#failure;
    const meta = Uint8Array.from(position.meta);
    this.#writing = this.#writeRound(table, { ...position, meta });
    try {
      return await this.#writing;
    } catch (error) {
      this.#failure = new CheckpointWriteError(this.directory, { cause: error });
      throw this.#failure;
    } finally {
      this.#writing = null;
    }
  }

  /**
   * Begins anew with nothing on disk, for a table that is filled from a snapshot. Whoever calls it has that snapshot on disk
   * until the next round has ended: a restart before then finds a new checkpoint.
   *
   * @throws {CheckpointWriteError} If what is there cannot be removed; every later `write` says the same.
   * @throws {CheckpointStateError} If a round is being written, or it is closed.
   */
  async restart(): Promise<void> {
    this.#refuseUnless(!this.#closed, 'restart', 'it is closed');
    this.#refuseUnless(this.#writing === null, 'restart', 'a round is being written');
    try {
      await this.#database.close();
      await discardCheckpoint(this.directory);
      this.#database = await openDatabase(this.directory, this.#options);
    } catch (error) {
      this.#failure = new CheckpointWriteError(this.directory, { cause: error });
      throw this.#failure;
    }
    this.#ranges = new CheckpointRanges();
    this.#fresh = true;
  }

  /** Waits for a round that is being written, then closes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing?.catch(() => undefined);
    await this.#database.close();
  }

  async #load(table: FlowTable): Promise<LoadedCheckpoint | null> {
    const [version, ranges, position] = await this.#database.getMany([
      keyOfSpace(KeySpace.version),
      keyOfSpace(KeySpace.ranges),
      keyOfSpace(KeySpace.position),
    ]);
    this.#checkVersion(version);
    const found = new CheckpointRanges();
    await this.#loadFlows(table, found);
    if (!version && !ranges && !position && found.count === 0) return null;
    this.#fresh = false;
    if (!version) throw this.#damaged('its version is gone');
    if (!ranges || !this.#ranges.unpack(ranges)) throw this.#damaged('its ranges are unreadable');
    const range = this.#ranges.firstDifference(found);
    if (range >= 0) {
      const counts = `${found.count} flows found, ${this.#ranges.count} written`;
      throw this.#damaged(`key range ${range} is not as it was written (${counts})`);
    }
    return { ...this.#position(position), flows: found.count };
  }

  #checkVersion(bytes: Uint8Array | undefined): void {
    if (!bytes) return;
    const version = bytes.length === 4 ? readUint32(bytes, 0) : 0;
    if (version === 0) throw this.#damaged('its version is unreadable');
    if (version > FORMAT_VERSION) {
      throw new CheckpointVersionError(this.directory, version, FORMAT_VERSION);
    }
  }

  #position(bytes: Uint8Array | undefined): Omit<LoadedCheckpoint, 'flows'> {
    const { positionBatch } = this.#ranges;
    if (!bytes && positionBatch === 0) {
      return { appliedIndex: 0, appliedTerm: 0, meta: new Uint8Array(0) };
    }
    const unpacked = bytes ? unpackPosition(bytes) : null;
    if (!unpacked) throw this.#damaged('its position is unreadable');
    if (unpacked.batch !== positionBatch) {
      throw this.#damaged(`its position is of batch ${unpacked.batch}, not ${positionBatch}`);
    }
    const { index, term, meta } = unpacked.position;
    return { appliedIndex: index, appliedTerm: term, meta };
  }

  async #loadFlows(table: FlowTable, found: CheckpointRanges): Promise<void> {
    const iterator = this.#database.iterator({
      ...rangeOfSpace(KeySpace.flow),
      highWaterMarkBytes: LOAD_READ_AHEAD_BYTES,
      fillCache: false,
    });
    // LevelDB reads the next entries on its own thread while these are put into the table.
    let next = iterator.nextv(LOAD_ENTRIES);
    try {
      for (let entries = await next; entries.length > 0; entries = await next) {
        next = iterator.nextv(LOAD_ENTRIES);
        for (const [key, value] of entries) this.#restore(table, found, key, value);
      }
    } finally {
      await next.catch(() => undefined);
      await iterator.close();
    }
  }

  #restore(table: FlowTable, found: CheckpointRanges, key: Uint8Array, value: Uint8Array): void {
    const flow = this.#flow;
    flow.unpack(key, value, this.#fields);
    found.fold(flow.range, flow.writtenHash, 1);
    table.restore(this.#fields, flow.localIndex, flow.writtenHash);
  }

  async #writeRound(table: FlowTable, position: CheckpointPosition): Promise<CheckpointRound> {
    const startMs = performance.now();
    const round: CheckpointRound = { flows: 0, tombstones: 0, batches: 0, seconds: 0 };
    for (let cursor = 0; cursor >= 0; ) {
      const batch = newBatch(this.#database);
      cursor = await this.#fill(batch, table, cursor, round);
      this.#ranges.batch += 1;
      if (cursor < 0) {
        this.#ranges.positionBatch = this.#ranges.batch;
        batch.put(keyOfSpace(KeySpace.position), packPosition(position, this.#ranges.batch));
      }
      batch.put(keyOfSpace(KeySpace.ranges), this.#ranges.pack());
      if (this.#fresh) {
        const version = new Uint8Array(4);
        writeUint32(version, 0, FORMAT_VERSION);
        batch.put(keyOfSpace(KeySpace.version), version);
      }
      await this.#sync(batch);
      round.batches += 1;
    }
    round.seconds = (performance.now() - startMs) / 1000;
    const { metrics } = this.#dependencies;
    metrics?.flowsTotal.inc(round.flows);
    metrics?.tombstonesTotal.inc(round.tombstones);
    metrics?.roundSeconds.observe(round.seconds);
    return round;
  }

  /**
   * Fills a batch in slices. Each slice takes the tombstones that there are before it takes a flow: so a flow that was
   * deleted and came again is deleted on disk before it is put there, and counted once.
   *
   * @returns where the round goes on, or -1 if this batch ends it.
   */
  async #fill(
    batch: Batch,
    table: FlowTable,
    start: number,
    round: CheckpointRound,
  ): Promise<number> {
    const { flowsPerBatchMax, flowsPerSliceMax } = this.#options;
    let cursor = start;
    for (let room = flowsPerBatchMax; cursor >= 0 && room > 0; ) {
      if (room < flowsPerBatchMax) await nextTurn();
      const slice = Math.min(room, flowsPerSliceMax);
      const buried = table.changes.takeTombstones(slice, (buffer, offset, length, hash) => {
        this.#flow.setKey(buffer, offset, length);
        this.#ranges.fold(this.#flow.range, hash, -1);
        batch.del(this.#flow.key);
      });
      let taken = 0;
      if (buried < slice) {
        cursor = table.changes.takeSlots(cursor, slice - buried, (slot) => {
          this.#put(batch, table, slot);
          taken += 1;
        });
      }
      round.tombstones += buried;
      round.flows += taken;
      room -= buried + taken;
    }
    return cursor;
  }

  #put(batch: Batch, table: FlowTable, slot: number): void {
    const flow = this.#flow;
    flow.pack(table, slot, this.#fields);
    const before = table.writtenHash(slot);
    if (before >= 0) this.#ranges.fold(flow.range, before, -1);
    this.#ranges.fold(flow.range, flow.writtenHash, 1);
    table.setWritten(slot, flow.writtenHash);
    batch.put(flow.key, flow.value);
  }

  async #sync(batch: Batch): Promise<void> {
    const { metrics, beforeWrite } = this.#dependencies;
    const startMs = performance.now();
    await beforeWrite?.(batch.length);
    await batch.write({ sync: true });
    this.#fresh = false;
    metrics?.batchesTotal.inc(1);
    metrics?.batchSeconds.observe((performance.now() - startMs) / 1000);
  }

  #loadError(error: unknown): unknown {
    if (error instanceof FlowCodecError) return this.#damaged(error.message, error);
    return levelCode(error) ? this.#damaged('LevelDB cannot read it', error) : error;
  }

  #damaged(reason: string, cause?: unknown): CheckpointDamagedError {
    return new CheckpointDamagedError(this.directory, reason, { cause });
  }

  #refuseUnless(allowed: boolean, operation: string, state: string): void {
    if (!allowed) throw new CheckpointStateError(operation, state);
  }
}

/** Removes a checkpoint that is damaged, or another node's, with its directory. It must not be open. */
export async function discardCheckpoint(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

async function openDatabase(
  directory: string,
  { writeBufferBytes }: Readonly<CheckpointOptions>,
): Promise<Database> {
  const database: Database = new Level(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    writeBufferSize: writeBufferBytes,
  });
  try {
    await database.open();
  } catch (error) {
    throw openError(directory, error);
  }
  return database;
}

function openError(directory: string, error: unknown): Error {
  const code = levelCode(error);
  if (code === 'LEVEL_LOCKED' || code === 'LEVEL_IO_ERROR') {
    return new CheckpointOpenError(directory, { cause: error });
  }
  return new CheckpointDamagedError(directory, 'LevelDB cannot open it', { cause: error });
}

/** The code of an error of LevelDB, its cause's if that has one; undefined if it is none. */
function levelCode(error: unknown): string | undefined {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  return [cause?.code, code].find(
    (value): value is string => typeof value === 'string' && value.startsWith('LEVEL_'),
  );
}
