import path from 'node:path';
import type { Done, FileSystem } from '../../../src/storage/index.ts';

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
  readonly data: Uint8Array;
}

interface File {
  /** What readers see. */
  image: Buffer;
  /** What surely survives. */
  durable: Buffer;
  pending: Change[];
}

type NameChange = { readonly name: string; readonly file: File | null };

/**
 * A disk in memory that can lose power: writes count only after `dataSync`, names only after `syncDirectory`.
 * After the planned number of calls it never answers again.
 */
export class CrashDisk implements FileSystem {
  readonly #random: () => number;
  readonly #turn: () => Promise<void>;
  readonly #open = new Map<number, File>();
  #names = new Map<string, File>();
  #durableNames = new Map<string, File>();
  #pendingNames: NameChange[] = [];
  #nextDescriptor = 1;
  #callsLeft = Number.POSITIVE_INFINITY;
  #onCrash: () => void = () => undefined;
  /** Calls that change something, so far. */
  calls = 0;

  /** @param turn How long a call takes: by default a turn of the event loop. */
  constructor(random: () => number, turn = () => new Promise<void>(setImmediate)) {
    this.#random = random;
    this.#turn = turn;
  }

  /** Resolves when the disk stops, after this many more calls that change something. */
  crashAfter(calls: number): Promise<void> {
    this.#callsLeft = calls;
    return new Promise((resolve) => {
      this.#onCrash = resolve;
    });
  }

  /** The disk as it is found after the crash. */
  restart(mode: CrashMode): CrashDisk {
    const after = new CrashDisk(this.#random, this.#turn);
    if (mode === 'process') {
      const copies = new Map<File, File>();
      const copy = (file: File): File => {
        if (!copies.has(file)) copies.set(file, cloned(file));
        return copies.get(file)!;
      };
      for (const [name, file] of this.#names) after.#names.set(name, copy(file));
      for (const [name, file] of this.#durableNames) after.#durableNames.set(name, copy(file));
      after.#pendingNames = this.#pendingNames.map(({ name, file }) => ({
        name,
        file: file && copy(file),
      }));
      return after;
    }
    const names = new Map(this.#durableNames);
    const kept = this.#pendingNames.slice(0, this.#upTo(this.#pendingNames.length));
    for (const { name, file } of kept) {
      if (file === null) names.delete(name);
      else names.set(name, file);
    }
    for (const [name, file] of names) {
      const image = this.#survivor(file, mode);
      after.#names.set(name, { image, durable: Buffer.from(image), pending: [] });
    }
    after.#durableNames = new Map(after.#names);
    return after;
  }

  /** Files by name, to look at or to damage. */
  images(): Map<string, Buffer> {
    return new Map([...this.#names].map(([name, file]) => [name, file.image]));
  }

  async makeDirectory(): Promise<void> {}

  async list(directory: string): Promise<readonly string[]> {
    return [...this.#names.keys()]
      .filter((name) => path.dirname(name) === directory)
      .map((name) => path.basename(name));
  }

  async open(name: string, mode: 'create' | 'update'): Promise<number> {
    const exists = this.#names.has(name);
    if (exists === (mode === 'create')) throw new Error(`cannot ${mode} ${name}`);
    if (mode === 'create') {
      await this.#step();
      this.#rename(name, { image: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] });
    }
    this.#open.set(this.#nextDescriptor, this.#names.get(name)!);
    return this.#nextDescriptor++;
  }

  async close(descriptor: number): Promise<void> {
    this.#open.delete(descriptor);
  }

  async sizeBytes(descriptor: number): Promise<number> {
    return this.#file(descriptor).image.length;
  }

  read(descriptor: number, target: Uint8Array, position: number): number {
    const { image } = this.#file(descriptor);
    const part = image.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  async readAsync(descriptor: number, target: Uint8Array, position: number): Promise<number> {
    return this.read(descriptor, target, position);
  }

  write(descriptor: number, data: Uint8Array, position: number, done: Done): void {
    const file = this.#file(descriptor);
    const change = { offset: position, data: Uint8Array.from(data) };
    // A crash may come while the write is under way: it is pending from its beginning.
    file.pending.push(change);
    file.image = overlay(file.image, change);
    void this.#step().then(() => done(null));
  }

  dataSync(descriptor: number, done: Done): void {
    const file = this.#file(descriptor);
    void this.#step().then(() => {
      file.durable = Buffer.from(file.image);
      file.pending = [];
      done(null);
    });
  }

  async truncate(descriptor: number, sizeBytes: number): Promise<void> {
    await this.#step();
    const file = this.#file(descriptor);
    file.image = Buffer.from(file.image.subarray(0, sizeBytes));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step();
    const file = this.#names.get(from)!;
    this.#rename(from, null);
    this.#rename(to, file);
  }

  async remove(name: string): Promise<void> {
    await this.#step();
    if (!this.#names.has(name)) throw new Error(`cannot remove ${name}`);
    this.#rename(name, null);
  }

  async syncDirectory(): Promise<void> {
    await this.#step();
    this.#durableNames = new Map(this.#names);
    this.#pendingNames = [];
  }

  #rename(name: string, file: File | null): void {
    this.#pendingNames.push({ name, file });
    if (file === null) this.#names.delete(name);
    else this.#names.set(name, file);
  }

  #step(): Promise<void> {
    this.#callsLeft -= 1;
    this.calls += 1;
    if (this.#callsLeft > 0) return this.#turn();
    this.#onCrash();
    return new Promise(() => undefined);
  }

  #survivor(file: File, mode: CrashMode): Buffer {
    let image: Buffer = Buffer.from(file.durable);
    if (mode === 'prefix') {
      const kept = file.pending.slice(0, this.#upTo(file.pending.length));
      const torn = file.pending[kept.length];
      for (const change of kept) image = overlay(image, change);
      if (torn === undefined) return image;
      const bytes = this.#upTo(torn.data.length);
      return overlay(image, { offset: torn.offset, data: torn.data.subarray(0, bytes) });
    }
    for (const { offset, data } of file.pending) {
      let from = 0;
      while (from < data.length) {
        const end = (Math.floor((offset + from) / sectorBytes) + 1) * sectorBytes - offset;
        const part = data.subarray(from, Math.min(end, data.length));
        if (this.#random() < 0.5) image = overlay(image, { offset: offset + from, data: part });
        from += part.length;
      }
    }
    return image;
  }

  #upTo(count: number): number {
    return Math.floor(this.#random() * (count + 1));
  }

  #file(descriptor: number): File {
    const file = this.#open.get(descriptor);
    if (file === undefined) throw new Error(`descriptor ${descriptor} is not open`);
    return file;
  }
}

function cloned({ image, durable, pending }: File): File {
  return { image: Buffer.from(image), durable: Buffer.from(durable), pending: [...pending] };
}

function overlay(image: Buffer, { offset, data }: Change): Buffer {
  if (data.length === 0) return image;
  const size = Math.max(image.length, offset + data.length);
  const result = Buffer.alloc(size);
  image.copy(result);
  result.set(data, offset);
  return result;
}
