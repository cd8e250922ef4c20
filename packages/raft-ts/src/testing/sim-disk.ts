import { Buffer } from 'node:buffer';
import path from 'node:path';
import type { Done, FileSystem } from '../storage/file-system.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';

const sectorBytes = 512;

/** How the writes that no sync covered come out of a crash. */
export type CrashMode =
  /** All of them, still not synced: only the process was killed. */
  | 'process'
  /** In order, the last one perhaps in part. */
  | 'prefix'
  /** Any sectors of any of them: as after a power cut. */
  | 'sectors';

interface Change {
  readonly offset: number;
  readonly data: Buffer;
}

interface File {
  /** What readers see. */
  image: Buffer;
  /** What surely survives a power cut. */
  durable: Buffer;
  pending: Change[];
  /** Newest writes that are durable, oldest first. */
  synced: Change[];
}

interface NameChange {
  readonly name: string;
  readonly file: File | null;
}

interface SimDiskDependencies {
  readonly clock: SimClock;
  readonly random: Random;
  /** How long the next write or sync takes. */
  readonly latencyMs: () => number;
}

/** Writes that are remembered of each file, for faults that concern an old one. */
const syncedChangesMax = 12;

function errnoError(code: 'ENOSPC' | 'EIO', call: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected fault, ${call}`), { code });
}

/** Bytes of the file with `change` in it. */
function overlay(image: Buffer, { offset, data }: Change): Buffer {
  const sizeBytes = Math.max(image.length, offset + data.length);
  const result = sizeBytes === image.length ? image : Buffer.concat([image], sizeBytes);
  result.set(data, offset);
  return result;
}

/**
 * The disk of one member, in memory and in virtual time: writes count only after `dataSync`, names only after `syncDirectory`.
 * It outlives the member's crashes and can be damaged.
 */
export class SimDisk implements FileSystem {
  readonly #parts: SimDiskDependencies;
  readonly #open = new Map<number, File>();
  #names = new Map<string, File>();
  #durableNames = new Map<string, File>();
  #pendingNames: NameChange[] = [];
  #nextDescriptor = 1;
  /** Calls of a former life are never answered. */
  #life = 0;
  #refusal: 'ENOSPC' | 'EIO' | null = null;

  constructor(parts: SimDiskDependencies) {
    this.#parts = parts;
  }

  /** From now on writes are refused for want of space, or syncs fail and lose what they should have saved. */
  refuse(code: 'ENOSPC' | 'EIO'): void {
    this.#refusal = code;
  }

  /** The process is gone; with any mode but `process` the power was, too. The disk works again, and holds what survived. */
  crash(mode: CrashMode): void {
    this.#life++;
    this.#refusal = null;
    this.#open.clear();
    if (mode === 'process') return;
    const names = new Map(this.#durableNames);
    const keptNames = this.#parts.random.integer(0, this.#pendingNames.length);
    for (const { name, file } of this.#pendingNames.slice(0, keptNames)) {
      if (file === null) names.delete(name);
      else names.set(name, file);
    }
    for (const file of new Set(names.values())) this.#loseUnsynced(file, mode);
    this.#names = names;
    this.#durableNames = new Map(names);
    this.#pendingNames = [];
  }

  /** Everything is gone. */
  wipe(): void {
    this.crash('process');
    this.#names.clear();
    this.#durableNames.clear();
    this.#pendingNames = [];
  }

  /** One bit of a file turns over; returns where. */
  flipBit(): string {
    const { random } = this.#parts;
    const [name, file] = random.pick([...this.#names]);
    const at = random.integer(0, file.image.length - 1);
    const mask = 1 << random.integer(0, 7);
    file.image[at]! ^= mask;
    if (at < file.durable.length) file.durable[at]! ^= mask;
    return `bit ${mask} of byte ${at} of ${path.basename(name)}`;
  }

  /**
   * An older write of a file turns out to have gone to another place of it, and nothing where it belongs. The newest one is
   * spared: that it is missing nobody could tell. Null when there is none to choose.
   */
  misdirect(): string | null {
    const { random } = this.#parts;
    const files = [...this.#names].filter(([name, { synced }]) => {
      return path.basename(name) !== 'vote' && synced.length > 2;
    });
    if (files.length === 0) return null;
    const [name, file] = random.pick(files);
    const { offset, data } = random.pick(file.synced.slice(0, -1));
    // It lands before the newest one, which stays whole.
    const to = random.integer(0, Math.max(0, file.synced.at(-1)!.offset - data.length));
    for (const image of [file.image, file.durable]) {
      image.fill(0, offset, offset + data.length);
      image.set(data.subarray(0, Math.max(0, image.length - to)), to);
    }
    return `${data.length} bytes of ${path.basename(name)} from ${offset} to ${to}`;
  }

  async makeDirectory(): Promise<void> {}

  list(directory: string): Promise<readonly string[]> {
    const names = [...this.#names.keys()].filter((name) => path.dirname(name) === directory);
    return Promise.resolve(names.map((name) => path.basename(name)));
  }

  async open(name: string, mode: 'create' | 'update'): Promise<number> {
    if (this.#names.has(name) === (mode === 'create')) throw new Error(`cannot ${mode} ${name}`);
    if (mode === 'create') {
      await this.#takeTime();
      const empty = Buffer.alloc(0);
      this.#rename(name, { image: empty, durable: empty, pending: [], synced: [] });
    }
    this.#open.set(this.#nextDescriptor, this.#names.get(name)!);
    return this.#nextDescriptor++;
  }

  async close(descriptor: number): Promise<void> {
    this.#open.delete(descriptor);
  }

  sizeBytes(descriptor: number): Promise<number> {
    return Promise.resolve(this.#file(descriptor).image.length);
  }

  read(descriptor: number, target: Uint8Array, position: number): number {
    const part = this.#file(descriptor).image.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  async readAsync(descriptor: number, target: Uint8Array, position: number): Promise<number> {
    await this.#takeTime();
    return this.read(descriptor, target, position);
  }

  write(descriptor: number, data: Uint8Array, position: number, done: Done): void {
    const file = this.#file(descriptor);
    if (this.#refusal === 'ENOSPC') {
      this.#later(() => done(errnoError('ENOSPC', 'write')));
      return;
    }
    const change = { offset: position, data: Buffer.from(data) };
    // A crash may come while the write is under way: it is pending from its beginning.
    file.pending.push(change);
    file.image = overlay(file.image, change);
    this.#later(() => done(null));
  }

  dataSync(descriptor: number, done: Done): void {
    const file = this.#file(descriptor);
    const covered = file.pending.length;
    this.#later(() => {
      if (this.#refusal === 'EIO') {
        // The kernel marks the pages clean: nothing will ever write them again.
        file.pending = [];
        done(errnoError('EIO', 'fdatasync'));
        return;
      }
      for (const change of file.pending.splice(0, covered)) {
        file.durable = overlay(file.durable, change);
        file.synced.push(change);
      }
      if (file.synced.length > syncedChangesMax) file.synced = file.synced.slice(-syncedChangesMax);
      done(null);
    });
  }

  async truncate(descriptor: number, sizeBytes: number): Promise<void> {
    await this.#takeTime();
    const file = this.#file(descriptor);
    file.image = Buffer.from(file.image.subarray(0, sizeBytes));
    file.synced = [];
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#takeTime();
    const file = this.#names.get(from)!;
    this.#rename(from, null);
    this.#rename(to, file);
  }

  async remove(name: string): Promise<void> {
    await this.#takeTime();
    if (!this.#names.has(name)) throw new Error(`cannot remove ${name}`);
    this.#rename(name, null);
  }

  async syncDirectory(): Promise<void> {
    await this.#takeTime();
    this.#durableNames = new Map(this.#names);
    this.#pendingNames = [];
  }

  #rename(name: string, file: File | null): void {
    this.#pendingNames.push({ name, file });
    if (file === null) this.#names.delete(name);
    else this.#names.set(name, file);
  }

  #later(action: () => void): void {
    const { clock, latencyMs } = this.#parts;
    const life = this.#life;
    clock.setTimer(latencyMs(), () => {
      if (life !== this.#life) return;
      // The store goes on in promises, which have to run before time does.
      clock.needTurn();
      action();
    });
  }

  #takeTime(): Promise<void> {
    return new Promise((resolve) => this.#later(resolve));
  }

  #loseUnsynced(file: File, mode: 'prefix' | 'sectors'): void {
    const { random } = this.#parts;
    if (mode === 'prefix') {
      const kept = random.integer(0, file.pending.length);
      const changes = file.pending.slice(0, kept);
      const torn = file.pending[kept];
      if (torn !== undefined) {
        const bytes = random.integer(0, torn.data.length);
        changes.push({ offset: torn.offset, data: torn.data.subarray(0, bytes) });
      }
      for (const change of changes) file.durable = overlay(file.durable, change);
    } else for (const change of file.pending) this.#keepSectors(file, change);
    file.pending = [];
    file.image = Buffer.from(file.durable);
  }

  #keepSectors(file: File, { offset, data }: Change): void {
    let from = 0;
    while (from < data.length) {
      const end = (Math.floor((offset + from) / sectorBytes) + 1) * sectorBytes - offset;
      const part = data.subarray(from, Math.min(end, data.length));
      if (this.#parts.random.chance(0.5)) {
        file.durable = overlay(file.durable, { offset: offset + from, data: part });
      }
      from += part.length;
    }
  }

  #file(descriptor: number): File {
    const file = this.#open.get(descriptor);
    if (file === undefined) throw new Error(`descriptor ${descriptor} is not open`);
    return file;
  }
}
