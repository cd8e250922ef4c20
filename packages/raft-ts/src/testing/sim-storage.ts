import { Buffer } from 'node:buffer';
import type { NodeId } from '../core/types.ts';
import type { LogStore, RestoredState, SnapshotStore } from '../ports.ts';
import { StorageCorruptionError, StorageFailedError } from '../storage/errors.ts';
import { FileSnapshotStore } from '../storage/file-snapshot-store.ts';
import { SegmentLogStore } from '../storage/segment-log-store.ts';
import { MemoryLogStore } from './memory-log-store.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import { SimDisk } from './sim-disk.ts';

export interface SimStorageDependencies {
  readonly clock: SimClock;
  readonly random: Random;
  /** Longest time that a sync takes, milliseconds. */
  readonly syncMsMax: number;
}

export interface OpenedStore {
  readonly store: LogStore;
  /** Open, too. */
  readonly snapshots: SnapshotStore;
  readonly restored: RestoredState;
}

/** How a member stops: `process` is a kill, which loses nothing that was written. */
export type StopKind = 'process' | 'power';

/** What a member keeps from one life to the next, and what may befall it. */
export interface SimStorage {
  /** Syncs take this many times as long. */
  slowness: number;
  /** The log for one life. Rejects with `StorageCorruptionError` when it is damaged. */
  open(): Promise<OpenedStore>;
  /** The member is gone, perhaps in the middle of a write; a failed disk works again. */
  stop(kind: StopKind): void;
  /** The disk fails from now on: no space is left, or syncs fail. */
  refuse(code: 'ENOSPC' | 'EIO'): void;
  /** Damages what is stored, beyond what a crash explains. Tells how, or null when there is nothing to damage. */
  damage(kind: 'bit-flip' | 'misdirected-write'): string | null;
  /** Durable entries that `tear` would take; null when this storage cannot tear its last group. */
  readonly tearableEntries: number | null;
  /** The newest group turns out torn, though it was synced (rule L3); only while the member is down. */
  tear(): void;
  /** Everything is gone, as when the data directory was deleted. */
  wipe(): void;
}

function drawIncarnation(random: Random): string {
  return Buffer.from(Array.from({ length: 16 }, () => random.integer(0, 255))).toString('hex');
}

/** `MemoryLogStore`: fast, and each append is one step. */
export class MemoryStorage implements SimStorage {
  slowness = 1;
  readonly #parts: SimStorageDependencies;
  #store: MemoryLogStore;
  #snapshots: MemorySnapshotStore;
  #damage: string | null = null;

  constructor(parts: SimStorageDependencies) {
    this.#parts = parts;
    this.#store = this.#make();
    this.#snapshots = this.#makeSnapshots();
  }

  open(): Promise<OpenedStore> {
    if (this.#damage !== null) {
      return Promise.reject(new StorageCorruptionError('memory', 0, this.#damage));
    }
    const [store, snapshots] = [this.#store, this.#snapshots];
    return Promise.resolve({ store, snapshots, restored: store.restore() });
  }

  stop(kind: StopKind): void {
    const outcomes = ['lost', 'hard-state', 'kept', 'torn'] as const;
    const drawn = this.#parts.random.pick(outcomes);
    this.#store.crash(kind === 'process' && drawn === 'torn' ? 'lost' : drawn);
    this.#snapshots.crash();
  }

  refuse(code: 'ENOSPC' | 'EIO'): void {
    this.#store.fail(new StorageFailedError('memory', 'the disk refused', new Error(code)));
  }

  damage(kind: 'bit-flip' | 'misdirected-write'): string | null {
    if (this.#store.lastIndex === 0) return null;
    this.#damage = kind;
    this.#store.fail(new StorageCorruptionError('memory', 0, kind));
    return 'the log';
  }

  get tearableEntries(): number {
    return this.#store.tearableEntries;
  }

  tear(): void {
    this.#store.tear();
  }

  wipe(): void {
    this.#damage = null;
    this.#store = this.#make();
    this.#snapshots = this.#makeSnapshots();
  }

  #makeSnapshots(): MemorySnapshotStore {
    const { clock, random, syncMsMax } = this.#parts;
    return new MemorySnapshotStore((action) => {
      clock.setTimer(random.between(0.05, syncMsMax) * this.slowness, action);
    });
  }

  #make(): MemoryLogStore {
    const { clock, random, syncMsMax } = this.#parts;
    return new MemoryLogStore((commit) => {
      clock.setTimer(random.between(0.05, syncMsMax) * this.slowness, commit);
    }, drawIncarnation(random));
  }
}

/** `SegmentLogStore` itself on a simulated disk: its files can be torn and damaged byte by byte. */
export class DiskStorage implements SimStorage {
  slowness = 1;
  readonly tearableEntries = null;
  readonly #id: NodeId;
  readonly #parts: SimStorageDependencies;
  readonly #disk: SimDisk;
  readonly #segmentBytes: number;
  #life = 0;

  constructor(id: NodeId, parts: SimStorageDependencies) {
    const { clock, random, syncMsMax } = parts;
    this.#id = id;
    this.#parts = parts;
    this.#segmentBytes = random.pick([4096, 16_384]);
    // An append takes about three calls.
    const latencyMs = () => random.between(0.02, syncMsMax / 3) * this.slowness;
    this.#disk = new SimDisk({ clock, random, latencyMs });
  }

  async open(): Promise<OpenedStore> {
    const { clock, random } = this.#parts;
    const life = ++this.#life;
    const store = new SegmentLogStore(
      {
        directory: `/${this.#id}`,
        clusterId: 'sim',
        segmentBytes: this.#segmentBytes,
        // Small, so that what is older is read from the files.
        cacheBytesMax: 1_000,
      },
      {
        fileSystem: this.#disk,
        randomBytes: (count) => Uint8Array.from({ length: count }, () => random.integer(0, 255)),
        lockDirectory: () => Promise.resolve(() => Promise.resolve()),
        setTimer: (delayMs, callback) =>
          clock.setTimer(delayMs, () => {
            if (life === this.#life) callback();
          }),
      },
    );
    const snapshots = new FileSnapshotStore(
      { directory: `/${this.#id}/snapshots`, clusterId: 'sim' },
      { fileSystem: this.#disk, lockDirectory: () => Promise.resolve(() => Promise.resolve()) },
    );
    const restored = await store.open();
    await snapshots.open();
    return { store, snapshots, restored };
  }

  stop(kind: StopKind): void {
    this.#life++;
    // Not `sectors`: a group of which only the footer survives counts as damaged (rule L3), and the member would be lost.
    this.#disk.crash(kind === 'process' ? kind : 'prefix');
  }

  refuse(code: 'ENOSPC' | 'EIO'): void {
    this.#disk.refuse(code);
  }

  damage(kind: 'bit-flip' | 'misdirected-write'): string | null {
    return kind === 'bit-flip' ? this.#disk.flipBit() : this.#disk.misdirect();
  }

  tear(): void {
    throw new Error('only a crash tears the files of a disk');
  }

  wipe(): void {
    this.#disk.wipe();
  }
}
