import { expect, it, vi } from 'vitest';
import type { SnapshotMeta } from '../../../src/core/types.ts';
import type { SnapshotReader } from '../../../src/ports.ts';
import type { FileSnapshotStore } from '../../../src/storage/index.ts';
import { CrashDisk } from './crash-disk.ts';
import { seededRandom } from './random.ts';
import {
  contentOf,
  create,
  currentContent,
  finish,
  metaOf,
  piecesOf,
  read,
  receive,
  storeOn,
  write,
} from './snapshot-files.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly content: Uint8Array;
}

/** A store, what it must hold, and one random step after the other. */
class Model {
  readonly #random: () => number;
  readonly #disk: CrashDisk;
  readonly #pins: { readonly reader: SnapshotReader; readonly snapshot: Snapshot }[] = [];
  #store: FileSnapshotStore;
  #current: Snapshot | null = null;
  #partial: { readonly snapshot: Snapshot; readonly bytes: number } | null = null;
  #offered: Snapshot[] = [];
  /** What happened, by name. */
  readonly seen = new Map<string, number>();

  constructor(random: () => number) {
    this.#random = random;
    this.#disk = new CrashDisk(random, () => Promise.resolve());
    this.#store = storeOn(this.#disk);
  }

  async open(): Promise<void> {
    expect(await this.#store.open()).toEqual(this.#current?.meta ?? null);
  }

  async step(): Promise<void> {
    const steps = [
      this.#create,
      this.#receive,
      this.#receive,
      this.#pin,
      this.#unpin,
      this.#restart,
    ];
    await steps[this.#upTo(steps.length - 1)]!.call(this);
    expect(this.#store.current).toEqual(this.#current?.meta ?? null);
    const content = await currentContent(this.#store);
    expect(
      Buffer.compare(content ?? Buffer.alloc(0), this.#current?.content ?? Buffer.alloc(0)),
    ).toBe(0);
    const held = new Set([
      this.#current,
      this.#partial?.snapshot,
      ...this.#pins.map((pin) => pin.snapshot),
    ]);
    // And the pointer.
    expect(this.#disk.images().size).toBeLessThanOrEqual(held.size + 1);
  }

  async #create(): Promise<void> {
    const snapshot = this.#newSnapshot();
    const pieces = piecesOf(snapshot.content, 1 + this.#upTo(300_000));
    const answer = await create(this.#store, snapshot.meta.lastIndex, pieces);
    this.#install(snapshot);
    expect(answer).toEqual(this.#current?.meta);
  }

  async #receive(): Promise<void> {
    if (this.#offered.length < 2 || this.#random() < 0.2) this.#offered.push(this.#newSnapshot());
    const snapshot = this.#offered.at(-1 - this.#upTo(Math.min(1, this.#offered.length - 1)))!;
    const { meta, content } = snapshot;
    const writer = await receive(this.#store, meta);
    const isHeld = meta.digest === this.#current?.meta.digest;
    if (isHeld) this.#saw('held');
    else {
      const isSame = this.#partial?.snapshot === snapshot;
      if (isSame && this.#partial!.bytes > 0) this.#saw('resumed');
      expect(writer.offset).toBe(isSame ? this.#partial!.bytes : 0);
      this.#partial = { snapshot, bytes: writer.offset };
    }
    while (writer.offset < content.length && this.#random() < 0.8) {
      const bytes = 1 + this.#upTo(Math.min(300_000, content.length - writer.offset - 1));
      await write(writer, content.subarray(writer.offset, writer.offset + bytes));
      this.#partial = { snapshot, bytes: writer.offset };
    }
    if (writer.offset === content.length) {
      await finish(writer);
      if (!isHeld) this.#partial = null;
      this.#install(snapshot);
    }
    writer.close();
  }

  async #pin(): Promise<void> {
    const reader = this.#store.pin();
    if (this.#current === null || reader === null) expect(reader).toBe(this.#current);
    else this.#pins.push({ reader, snapshot: this.#current });
  }

  async #unpin(): Promise<void> {
    const [pin] = this.#pins.splice(this.#upTo(this.#pins.length), 1);
    if (pin === undefined) return;
    const { reader, snapshot } = pin;
    if (snapshot !== this.#current) this.#saw('read after it was replaced');
    const offset = this.#upTo(snapshot.content.length);
    const length = this.#upTo(400_000);
    const expected = snapshot.content.subarray(offset, offset + length);
    expect(Buffer.compare(await read(reader, offset, length), expected)).toBe(0);
    reader.close();
  }

  async #restart(): Promise<void> {
    for (const { reader } of this.#pins.splice(0)) reader.close();
    await this.#store.close();
    this.#store = storeOn(this.#disk);
    await this.open();
    const isStale =
      (this.#partial?.snapshot.meta.lastIndex ?? 0) <= (this.#current?.meta.lastIndex ?? 0);
    if (isStale) this.#partial = null;
  }

  #newSnapshot(): Snapshot {
    const lastIndex = Math.max(1, (this.#current?.meta.lastIndex ?? 0) - 3 + this.#upTo(8));
    const content = contentOf(this.#upTo(600_000), this.#upTo(2 ** 30));
    return { meta: metaOf(lastIndex, content), content };
  }

  #install(snapshot: Snapshot): void {
    if (snapshot.meta.lastIndex > (this.#current?.meta.lastIndex ?? 0)) this.#current = snapshot;
    else this.#saw('dropped');
  }

  #saw(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  #upTo(max: number): number {
    return Math.floor(this.#random() * (max + 1));
  }
}

it('T5: agrees after any sequence of create, receive, break off, pin, read and reopen', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 30; seed++) {
    const model = new Model(seededRandom(seed * 31));
    await model.open();
    for (let i = 0; i < 40; i++) await model.step();
    for (const what of model.seen.keys()) seen.add(what);
  }
  expect([...seen].sort()).toEqual(['dropped', 'held', 'read after it was replaced', 'resumed']);
});
