import { createHash } from 'node:crypto';
import { type SnapshotMeta, type SnapshotPosition, snapshotFormatVersion } from '../core/types.ts';
import type {
  Done,
  SnapshotContent,
  SnapshotReader,
  SnapshotStore,
  SnapshotWriter,
} from '../ports.ts';
import type { SyncDelay } from './memory-log-store.ts';

interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly bytes: Uint8Array;
}

interface Partial {
  readonly meta: SnapshotMeta;
  chunks: Uint8Array[];
}

/**
 * `SnapshotStore` in memory. One object outlives the restarts of its member; `crash` loses what was not durable. Over a
 * simulated clock it stays deterministic as long as the content is given by a plain iterable.
 */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #delay: SyncDelay;
  #current: Snapshot | null = null;
  #partial: Partial | null = null;
  #life = 0;

  /** `delay` says when something becomes durable. */
  constructor(delay: SyncDelay = queueMicrotask) {
    this.#delay = delay;
  }

  /** The newest snapshot. */
  get current(): SnapshotMeta | null {
    return this.#current?.meta ?? null;
  }

  open(): Promise<SnapshotMeta | null> {
    return Promise.resolve(this.current);
  }

  create(
    position: SnapshotPosition,
    content: SnapshotContent,
    answer: (result: SnapshotMeta | Error) => void,
  ): void {
    const keep = (chunks: readonly Uint8Array[]): void => {
      const bytes = joined(chunks);
      const digest = digestOf(bytes);
      const rest = { bytes: bytes.length, digest, formatVersion: snapshotFormatVersion };
      this.#later(() => {
        this.#replace({ meta: { ...position, ...rest }, bytes });
        answer(this.#current!.meta);
      });
    };
    const fail = (error: unknown): void => {
      this.#later(() => answer(error instanceof Error ? error : new Error(String(error))));
    };
    try {
      if (Symbol.iterator in content) keep([...content]);
      else collect(content).then(keep, fail);
    } catch (error) {
      fail(error);
    }
  }

  pin(): SnapshotReader | null {
    return this.#current === null ? null : new MemoryReader(this.#current, this.#delay);
  }

  receive(meta: SnapshotMeta, answer: (result: SnapshotWriter | Error) => void): void {
    this.#later(() => {
      if (meta.formatVersion > snapshotFormatVersion) {
        answer(new Error(`snapshot format ${meta.formatVersion} is not known`));
        return;
      }
      if (this.#partial === null || !isSame(this.#partial.meta, meta)) {
        this.#partial = { meta, chunks: [] };
      }
      answer(new MemoryWriter(this.#partial, this.#delay, (partial) => this.#finish(partial)));
    });
  }

  close(): Promise<void> {
    this.#life++;
    return Promise.resolve();
  }

  /** Power is lost: what was not finished is gone, of a partial snapshot the newest chunk. */
  crash(): void {
    this.#life++;
    this.#partial?.chunks.pop();
  }

  #later(action: () => void): void {
    const life = this.#life;
    this.#delay(() => {
      if (life === this.#life) action();
    });
  }

  #finish(partial: Partial): void {
    if (this.#partial !== partial) return;
    this.#partial = null;
    const bytes = joined(partial.chunks);
    const { meta } = partial;
    if (bytes.length !== meta.bytes || digestOf(bytes) !== meta.digest) {
      throw new Error('the snapshot that was received has another digest than announced');
    }
    this.#replace({ meta, bytes });
  }

  #replace(snapshot: Snapshot): void {
    const { lastIndex } = snapshot.meta;
    if (this.#current !== null && this.#current.meta.lastIndex >= lastIndex) return;
    this.#current = snapshot;
  }
}

class MemoryReader implements SnapshotReader {
  readonly #snapshot: Snapshot;
  readonly #delay: SyncDelay;

  constructor(snapshot: Snapshot, delay: SyncDelay) {
    this.#snapshot = snapshot;
    this.#delay = delay;
  }

  get meta(): SnapshotMeta {
    return this.#snapshot.meta;
  }

  read(offset: number, length: number, answer: (result: Uint8Array | Error) => void): void {
    this.#delay(() => answer(this.#snapshot.bytes.subarray(offset, offset + length)));
  }

  content(): Iterable<Uint8Array> {
    return [this.#snapshot.bytes];
  }

  close(): void {}
}

class MemoryWriter implements SnapshotWriter {
  readonly #partial: Partial;
  readonly #delay: SyncDelay;
  readonly #finish: (partial: Partial) => void;
  #isOpen = true;

  constructor(partial: Partial, delay: SyncDelay, finish: (partial: Partial) => void) {
    this.#partial = partial;
    this.#delay = delay;
    this.#finish = finish;
  }

  get meta(): SnapshotMeta {
    return this.#partial.meta;
  }

  get offset(): number {
    return this.#partial.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  write(chunk: Uint8Array, done: Done): void {
    this.#later(() => {
      if (this.offset + chunk.length > this.meta.bytes) {
        done(new Error('more content than announced'));
        return;
      }
      this.#partial.chunks.push(Uint8Array.from(chunk));
      done(null);
    });
  }

  finish(done: Done): void {
    this.#later(() => {
      this.#isOpen = false;
      try {
        this.#finish(this.#partial);
      } catch (error) {
        done(error as Error);
        return;
      }
      done(null);
    });
  }

  close(): void {
    this.#isOpen = false;
  }

  #later(action: () => void): void {
    this.#delay(() => {
      if (this.#isOpen) action();
    });
  }
}

function isSame(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return a.digest === b.digest && a.lastIndex === b.lastIndex && a.lastTerm === b.lastTerm;
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return chunks;
}
