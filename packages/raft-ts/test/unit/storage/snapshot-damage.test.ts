import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type FileSnapshotStore,
  StorageCorruptionError,
  StorageFormatError,
} from '../../../src/storage/index.ts';
import { CrashDisk } from './crash-disk.ts';
import { seededRandom } from './random.ts';
import {
  contentOf,
  create,
  currentContent,
  directory,
  finish,
  metaOf,
  piecesOf,
  read,
  receive,
  storeOn,
  write,
} from './snapshot-files.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const random = seededRandom(31);
const newDisk = (): CrashDisk => new CrashDisk(random, () => Promise.resolve());
const pointer = `${directory}/current`;
const snapshot = `${directory}/0000000000000001.snapshot`;
const headerBytes = 65_536;
const strideBytes = 262_144 + 16;
const content = contentOf(600_000);

/** A disk with one current snapshot, or with one that was received in part. */
async function diskWith(isComplete: boolean): Promise<CrashDisk> {
  const disk = newDisk();
  const store = storeOn(disk);
  await store.open();
  if (isComplete) await create(store, 9, piecesOf(content, 90_000));
  else {
    const writer = await receive(store, metaOf(9, content));
    await write(writer, content.subarray(0, 560_000));
  }
  await store.close();
  return disk;
}

async function openError(disk: CrashDisk): Promise<unknown> {
  return storeOn(disk)
    .open()
    .catch((error: unknown) => error);
}

/** Some bytes out of each region of the file. */
function positions(fileBytes: number): number[] {
  const within = (from: number, to: number): number[] => [
    from,
    to - 1,
    ...Array.from({ length: 12 }, () => from + Math.floor(random() * (to - from))),
  ];
  const regions = [
    ...within(0, 16),
    ...within(16, 600),
    ...within(600, headerBytes - 4),
    ...within(headerBytes - 4, headerBytes),
  ];
  for (let chunk = headerBytes; chunk < fileBytes; chunk += strideBytes) {
    for (let byte = chunk; byte < chunk + 16; byte++) regions.push(byte);
    regions.push(...within(chunk + 16, Math.min(chunk + strideBytes, fileBytes)));
  }
  return regions;
}

function flip(disk: CrashDisk, name: string, position: number): void {
  disk.images().get(name)![position]! ^= 1 << Math.floor(random() * 8);
}

describe('one flipped bit in the current snapshot', () => {
  let disk: CrashDisk;
  beforeAll(async () => {
    disk = await diskWith(true);
  });

  it('B20: is found at open, and the error names the file and the place', async () => {
    const places = positions(disk.images().get(snapshot)!.length);
    expect(places.length).toBeGreaterThan(100);
    for (const position of places) {
      const damaged = disk.restart('process');
      flip(damaged, snapshot, position);
      const error = await openError(damaged);
      expect(error, `byte ${position}`).toBeInstanceOf(StorageCorruptionError);
      const { path, offset } = error as StorageCorruptionError;
      expect(path).toBe(snapshot);
      expect(offset).toBeLessThanOrEqual(position);
      expect(position - offset).toBeLessThan(position < headerBytes ? headerBytes : strideBytes);
    }
  });

  it('B20: of the pointer is found at open', async () => {
    for (let position = 0; position < 64; position++) {
      const damaged = disk.restart('process');
      flip(damaged, pointer, position);
      const error = await openError(damaged);
      expect(error, `byte ${position}`).toBeInstanceOf(StorageCorruptionError);
      expect((error as StorageCorruptionError).path).toBe(pointer);
    }
  });

  it('B20: that comes while it is open is found when it is read, and nothing of that chunk is given', async () => {
    const position = headerBytes + strideBytes + 16 + 1000;
    const damaged = disk.restart('process');
    const store = storeOn(damaged);
    await store.open();
    flip(damaged, snapshot, position);
    const reader = store.pin()!;
    expect((await read(reader, 0, 262_144)).length).toBe(262_144);
    const failed = await read(reader, 262_144, 10).catch((error: unknown) => error);
    expect(failed).toMatchObject({ path: snapshot, offset: headerBytes + strideBytes });
    expect(failed).toBeInstanceOf(StorageCorruptionError);
    await expect(currentContent(store)).rejects.toThrow(StorageCorruptionError);
  });
});

describe('a damaged directory', () => {
  async function damagedBy(change: (images: Map<string, Buffer>, disk: CrashDisk) => unknown) {
    const disk = await diskWith(true);
    await change(disk.images(), disk);
    return openError(disk);
  }

  it('a missing or a shorter or a longer file is corruption', async () => {
    const gone = await damagedBy((_, disk) => disk.remove(snapshot));
    expect(gone).toBeInstanceOf(StorageCorruptionError);
    expect(String(gone)).toContain('the current snapshot is missing');
    for (const bytes of [0, 100, headerBytes, headerBytes + strideBytes, 600_000]) {
      const cut = await damagedBy(async (_, disk) => {
        await disk.truncate(await disk.open(snapshot, 'update'), bytes);
      });
      expect(cut, `cut at ${bytes}`).toBeInstanceOf(StorageCorruptionError);
    }
    const longer = await damagedBy(async (images, disk) => {
      const file = await disk.open(snapshot, 'update');
      const end = images.get(snapshot)!.length;
      await new Promise((resolve) => disk.write(file, new Uint8Array(1), end, resolve));
    });
    expect(String(longer)).toContain('does not end where it should');
  });

  it('chunks that changed places, and chunks of another snapshot, are corruption', async () => {
    const swap = (images: Map<string, Buffer>): void => {
      const image = images.get(snapshot)!;
      const first = Buffer.from(image.subarray(headerBytes, headerBytes + strideBytes));
      image.copyWithin(headerBytes, headerBytes + strideBytes, headerBytes + 2 * strideBytes);
      first.copy(image, headerBytes + strideBytes);
    };
    expect(await damagedBy(swap)).toMatchObject({
      offset: headerBytes,
      message: expect.stringContaining('a snapshot chunk is damaged'),
    });
    const disk = await diskWith(true);
    const open = storeOn(disk);
    await open.open();
    swap(disk.images());
    await expect(read(open.pin()!, 300_000, 10)).rejects.toThrow(StorageCorruptionError);
    const foreignDisk = newDisk();
    const foreign = storeOn(foreignDisk);
    await foreign.open();
    await create(foreign, 9, [contentOf(600_000, 5)]);
    const mixed = await damagedBy((images) => {
      const from = foreignDisk.images().get(snapshot)!;
      from.copy(images.get(snapshot)!, headerBytes, headerBytes, headerBytes + strideBytes);
    });
    expect(String(mixed)).toContain('does not have the digest');
    const replaced = await damagedBy((images) => {
      foreignDisk.images().get(snapshot)!.copy(images.get(snapshot)!);
    });
    expect(String(replaced)).toContain('not the one that is current');
  });

  it('a chunk that is whole and shorter, as an earlier attempt may have left it, is corruption', async () => {
    const shorten = (images: Map<string, Buffer>): void => {
      const chunk = images.get(snapshot)!.subarray(headerBytes);
      chunk.writeUInt32LE(100, 4);
      chunk.writeUInt32LE(crc32(chunk.subarray(4, 116)), 0);
    };
    expect(await damagedBy(shorten)).toMatchObject({ path: snapshot, offset: headerBytes });
    const disk = await diskWith(true);
    const open = storeOn(disk);
    await open.open();
    shorten(disk.images());
    await expect(read(open.pin()!, 0, 10)).rejects.toThrow(StorageCorruptionError);
  });

  it('a newer format is said to be one', async () => {
    for (const [name, bytes] of [
      [snapshot, headerBytes],
      [pointer, 64],
    ] as const) {
      const error = await damagedBy((images) => {
        const block = images.get(name)!.subarray(0, bytes);
        block.writeUInt16LE(2, 8);
        block.writeUInt32LE(crc32(block.subarray(0, bytes - 4)), bytes - 4);
      });
      expect(error).toBeInstanceOf(StorageFormatError);
      expect(String(error)).toContain(`format version 2 is not supported (supported: 1) (${name})`);
    }
  });
});

it('one flipped bit in what was received in part never becomes a part of the state', async () => {
  const disk = await diskWith(false);
  const offsets = new Set<number>();
  const complete = async (store: FileSnapshotStore): Promise<void> => {
    const writer = await receive(store, metaOf(9, content));
    offsets.add(writer.offset);
    await write(writer, content.subarray(writer.offset));
    await finish(writer);
  };
  for (const position of positions(disk.images().get(snapshot)!.length)) {
    const damaged = disk.restart('process');
    flip(damaged, snapshot, position);
    const store = storeOn(damaged);
    expect(await store.open()).toBeNull();
    await complete(store);
    expect(Buffer.compare((await currentContent(store))!, content), `byte ${position}`).toBe(0);
    await store.close();
    expect((await storeOn(damaged).open())?.digest).toBe(metaOf(9, content).digest);
  }
  expect([...offsets].sort((a, b) => a - b)).toEqual([0, 262_144, 524_288]);
});
