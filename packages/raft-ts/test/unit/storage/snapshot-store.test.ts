import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  FaultyFileSystem,
  FileSnapshotStore,
  nodeFileSystem,
  SnapshotMismatchError,
  type SnapshotStoreMetrics,
  StorageFailedError,
  StorageFormatError,
  StorageIdentityError,
  StorageLockedError,
  StorageUsageError,
} from '../../../src/storage/index.ts';
import {
  contentOf,
  create,
  currentContent,
  finish,
  metaOf,
  piecesOf,
  read,
  receive,
  receiveAll,
  write,
} from './snapshot-files.ts';

vi.setConfig({ testTimeout: 60_000 });

const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
});

function newDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-snapshots-'));
  made.push(directory);
  return directory;
}

const isSame = (found: Uint8Array | null, expected: Uint8Array): boolean =>
  found !== null && Buffer.compare(found, expected) === 0;
const snapshotsIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith('.snapshot'));

const big = contentOf(1_000_000);
const other = contentOf(700_001, 77);

describe('FileSnapshotStore', () => {
  it.each([0, 1, 262_143, 262_144, 262_145, 1_000_000])(
    'gives %i bytes back as they were, also after a restart',
    async (bytes) => {
      const directory = newDirectory();
      const content = contentOf(bytes);
      const store = new FileSnapshotStore({ directory, clusterId: 'c' });
      expect(await store.open()).toBeNull();
      expect(store.pin()).toBeNull();
      const meta = await create(store, 9, piecesOf(content, 70_000));
      expect(meta).toEqual(metaOf(9, content));
      expect(isSame(await currentContent(store), content)).toBe(true);
      await store.close();
      const again = new FileSnapshotStore({ directory, clusterId: 'c' });
      expect(await again.open()).toEqual(meta);
      expect(again.current).toEqual(meta);
      expect(isSame(await currentContent(again), content)).toBe(true);
      await again.close();
    },
  );

  it('reads any range, less only at the end', async () => {
    const store = new FileSnapshotStore({ directory: newDirectory(), clusterId: 'c' });
    await store.open();
    await create(store, 9, [big]);
    const reader = store.pin()!;
    const ranges = [
      [0, 10],
      [262_140, 10],
      [200_000, 700_000],
      [999_990, 50],
      [1_000_000, 5],
    ] as const;
    for (const [offset, length] of ranges) {
      const expected = big.subarray(offset, offset + length);
      expect(isSame(await read(reader, offset, length), expected)).toBe(true);
    }
    reader.close();
    await expect(read(reader, 0, 1)).rejects.toThrow(StorageUsageError);
    await store.close();
  });

  it('a replaced snapshot stays readable while it is pinned, and goes after that', async () => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    await create(store, 5, [big]);
    const [first, second] = [store.pin()!, store.pin()!];
    await receiveAll(store, metaOf(8, other), other);
    expect(store.current?.lastIndex).toBe(8);
    expect(isSame(await read(first, 500_000, 1000), big.subarray(500_000, 501_000))).toBe(true);
    first.close();
    first.close();
    expect(isSame(await read(second, 0, 1000), big.subarray(0, 1000))).toBe(true);
    expect(snapshotsIn(directory)).toHaveLength(2);
    const late = read(second, 300_000, 400_000);
    second.close();
    expect(isSame(await late, big.subarray(300_000, 700_000))).toBe(true);
    await store.close();
    expect(snapshotsIn(directory)).toHaveLength(1);
  });

  it('B22: what is not newer than the current one is dropped', async () => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    let release: () => void = () => undefined;
    const isHeld = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow() {
      yield other;
      await isHeld;
    }
    const local = create(store, 5, slow());
    const received = metaOf(15, big);
    await receiveAll(store, received, big);
    release();
    expect(await local).toEqual(received);
    await receiveAll(store, metaOf(7, other), other);
    expect(store.current).toEqual(received);
    await store.close();
    expect(snapshotsIn(directory)).toHaveLength(1);
  });

  it('a content that fails leaves nothing, and the next one is written', async () => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    const broken = new Error('the state machine has failed');
    function* failing() {
      yield big;
      throw broken;
    }
    await expect(create(store, 3, failing())).rejects.toBe(broken);
    expect(snapshotsIn(directory)).toEqual([]);
    await create(store, 3, [other]);
    expect(isSame(await currentContent(store), other)).toBe(true);
    await store.close();
  });

  it('the directory is open once, and belongs to one cluster', async () => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    const second = new FileSnapshotStore({ directory, clusterId: 'c' });
    await expect(second.open()).rejects.toThrow(StorageLockedError);
    await create(store, 3, [other]);
    await store.close();
    expect(() => store.pin()).toThrow(StorageUsageError);
    const foreign = new FileSnapshotStore({ directory, clusterId: 'd' });
    await expect(foreign.open()).rejects.toThrow(StorageIdentityError);
    expect(() => new FileSnapshotStore({ directory, clusterId: '' })).toThrow(/clusterId must be/);
  });

  it('closing ends what is under way', async () => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    async function* endless() {
      for (;;) yield other;
    }
    const created = create(store, 5, endless()).catch((error: Error) => error);
    const writer = await receive(store, metaOf(9, big));
    writer.write(big.subarray(0, 300_000), () => undefined);
    await store.close();
    expect(await created).toBeInstanceOf(StorageUsageError);
    const again = new FileSnapshotStore({ directory, clusterId: 'c' });
    expect(await again.open()).toBeNull();
    expect((await receive(again, metaOf(9, big))).offset).toBe(300_000);
    await again.close();
  });
});

describe('receiving a snapshot', () => {
  it('goes on where it ended, to the byte, for the same content and position only', async () => {
    const directory = newDirectory();
    const resumed: number[] = [];
    const idle = { set: () => undefined, observe: () => undefined, inc: () => undefined };
    const metrics: SnapshotStoreMetrics = {
      createSeconds: idle,
      currentIndex: idle,
      currentBytes: idle,
      resumedBytesTotal: { inc: (by = 1) => void resumed.push(by) },
    };
    const meta = metaOf(20, big);
    let store = new FileSnapshotStore({ directory, clusterId: 'c' }, { metrics });
    await store.open();
    for (const end of [100, 262_144, 262_150, 900_001]) {
      const writer = await receive(store, meta);
      expect(writer.meta).toEqual(meta);
      await write(writer, big.subarray(writer.offset, end));
      writer.close();
      writer.close();
      if (end === 262_150) {
        await store.close();
        store = new FileSnapshotStore({ directory, clusterId: 'c' }, { metrics });
        expect(await store.open()).toBeNull();
      }
    }
    await receiveAll(store, meta, big);
    expect(resumed).toEqual([100, 262_144, 262_150, 900_001]);
    expect(isSame(await currentContent(store), big)).toBe(true);
    await store.close();
  });

  it.each([
    ['digest', { digest: 'f'.repeat(64) }],
    ['position', { lastIndex: 21 }],
    ['configuration', { configIndex: 4 }],
  ])('begins anew for another %s, and what was there is gone', async (_, change) => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    const meta = metaOf(20, big);
    const writer = await receive(store, meta);
    await write(writer, big.subarray(0, 500_000));
    writer.close();
    const next = await receive(store, { ...meta, ...change });
    expect(next.offset).toBe(0);
    expect(snapshotsIn(directory)).toHaveLength(1);
    next.close();
    await store.close();
  });

  it('does not receive again what is current already', async () => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    const meta = metaOf(20, big);
    const first = await receive(store, meta);
    await write(first, big);
    // The connection breaks before the answer.
    first.finish(() => expect.unreachable());
    first.close();
    const again = await receive(store, meta);
    expect(again.offset).toBe(big.length);
    await expect(write(again, big)).rejects.toThrow(/is complete/);
    await finish(again);
    again.close();
    expect(isSame(await currentContent(store), big)).toBe(true);
    await store.close();
    expect(snapshotsIn(directory)).toHaveLength(1);
  });

  it('keeps nothing of a content that is not what was named', async () => {
    const directory = newDirectory();
    const store = new FileSnapshotStore({ directory, clusterId: 'c' });
    await store.open();
    await create(store, 3, [other]);
    const meta = metaOf(20, big);
    const writer = await receive(store, meta);
    await write(writer, contentOf(1_000_000, 4));
    await expect(finish(writer)).rejects.toThrow(SnapshotMismatchError);
    expect(isSame(await currentContent(store), other)).toBe(true);
    expect((await receive(store, meta)).offset).toBe(0);
    await store.close();
  });

  it('refuses a newer format, more than was named, too little, and a second writer', async () => {
    const store = new FileSnapshotStore({ directory: newDirectory(), clusterId: 'c' });
    await store.open();
    const meta = metaOf(20, big);
    await expect(receive(store, { ...meta, formatVersion: 2 })).rejects.toThrow(StorageFormatError);
    const writer = await receive(store, meta);
    await expect(receive(store, meta)).rejects.toThrow(StorageUsageError);
    await expect(finish(writer)).rejects.toThrow(/0 of 1000000 bytes/);
    await expect(write(writer, big)).rejects.toThrow(/has ended/);
    const second = await receive(store, meta);
    await write(second, big.subarray(1));
    await expect(write(second, big.subarray(0, 2))).rejects.toThrow(/beyond 1000000/);
    await store.close();
  });
});

describe('a disk that refuses', () => {
  const codes = ['EIO', 'ENOSPC'];
  const steps = [
    { call: 'open', nth: 1 },
    { call: 'write', nth: 1 },
    { call: 'dataSync', nth: 1 },
  ] as const;
  const filling = steps.flatMap((step) => codes.map((code) => ({ ...step, code })));

  it.each(filling)(
    '$call failing with $code while one is made harms that one alone',
    async (fault) => {
      const directory = newDirectory();
      const disk = new FaultyFileSystem(nodeFileSystem);
      const store = new FileSnapshotStore({ directory, clusterId: 'c' }, { fileSystem: disk });
      await store.open();
      await create(store, 3, [other]);
      const { call, nth, code } = fault;
      disk.add({ call, nth, effect: { kind: 'error', code } });
      await expect(create(store, 8, [big])).rejects.toMatchObject({
        code: 'ERR_RAFT_STORAGE_FAILED',
        cause: { code },
      });
      expect(snapshotsIn(directory)).toHaveLength(1);
      expect(isSame(await currentContent(store), other)).toBe(true);
      await create(store, 9, [big]);
      expect(isSame(await currentContent(store), big)).toBe(true);
      expect(store.failure).toBeNull();
      await store.close();
    },
  );

  const cases = [
    { call: 'syncDirectory', nth: 1 },
    { call: 'open', nth: 2 },
    { call: 'dataSync', nth: 2 },
    { call: 'rename', nth: 1 },
  ].flatMap((step) => codes.map((code) => ({ ...step, code }))) as readonly {
    readonly call: 'syncDirectory' | 'open' | 'dataSync' | 'rename';
    readonly nth: number;
    readonly code: string;
  }[];

  it.each(cases)(
    'B21: $call $nth failing with $code while one is made current latches the store',
    async (fault) => {
      const directory = newDirectory();
      const disk = new FaultyFileSystem(nodeFileSystem);
      const store = new FileSnapshotStore({ directory, clusterId: 'c' }, { fileSystem: disk });
      await store.open();
      await create(store, 3, [other]);
      const { call, nth, code } = fault;
      disk.add({ call, nth, effect: { kind: 'error', code } });
      const failed = await create(store, 8, [big]).catch((error: Error) => error);
      expect(failed).toBeInstanceOf(StorageFailedError);
      expect(failed).toMatchObject({ cause: { code } });
      expect(store.failure).toBe(failed);
      expect(store.current?.lastIndex).toBe(3);
      const written = disk.calls('write') + disk.calls('rename');
      await expect(create(store, 9, [big])).rejects.toBe(failed);
      // Else each attempt of the leader would leave one more file.
      await expect(receive(store, metaOf(9, big))).rejects.toBe(failed);
      expect(disk.calls('write') + disk.calls('rename')).toBe(written);
      expect(isSame(await currentContent(store), other)).toBe(true);
      await store.close();
      const again = new FileSnapshotStore({ directory, clusterId: 'c' });
      expect((await again.open())?.lastIndex).toBe(3);
      expect(isSame(await currentContent(again), other)).toBe(true);
      await again.close();
    },
  );

  it.each(['made', 'received'])(
    'a pointer of which nobody knows whether it is durable keeps both files, also when one was %s',
    async (how) => {
      const directory = newDirectory();
      const disk = new FaultyFileSystem(nodeFileSystem);
      const store = new FileSnapshotStore({ directory, clusterId: 'c' }, { fileSystem: disk });
      await store.open();
      await create(store, 3, [other]);
      const writer = how === 'made' ? null : await receive(store, metaOf(8, big));
      if (writer !== null) await write(writer, big);
      disk.add({ call: 'syncDirectory', nth: 2, effect: { kind: 'error', code: 'EIO' } });
      const next = how === 'made' ? create(store, 8, [big]) : finish(writer!);
      await expect(next).rejects.toThrow(StorageFailedError);
      await store.close();
      expect(snapshotsIn(directory)).toHaveLength(2);
      const again = new FileSnapshotStore({ directory, clusterId: 'c' });
      expect((await again.open())?.lastIndex).toBe(8);
      expect(isSame(await currentContent(again), big)).toBe(true);
      await again.close();
    },
  );

  it.each([
    { call: 'write', isResumed: false },
    { call: 'syncDirectory', isResumed: false },
    { call: 'read', isResumed: true },
  ] as const)('$call failing when receiving begins leaves no file behind', async (fault) => {
    const directory = newDirectory();
    const disk = new FaultyFileSystem(nodeFileSystem);
    const store = new FileSnapshotStore({ directory, clusterId: 'c' }, { fileSystem: disk });
    await store.open();
    const meta = metaOf(8, big);
    if (fault.isResumed) {
      const writer = await receive(store, meta);
      await write(writer, big.subarray(0, 300_000));
      writer.close();
    }
    disk.add({ call: fault.call, nth: 1, effect: { kind: 'error', code: 'EIO' } });
    await expect(receive(store, meta)).rejects.toMatchObject({ cause: { code: 'EIO' } });
    expect(snapshotsIn(directory)).toEqual([]);
    await receiveAll(store, meta, big);
    expect(isSame(await currentContent(store), big)).toBe(true);
    await store.close();
  });

  it.each(['EIO', 'ENOSPC'])(
    '%s while one is received frees its room, and harms nothing else',
    async (code) => {
      const directory = newDirectory();
      const disk = new FaultyFileSystem(nodeFileSystem);
      const store = new FileSnapshotStore({ directory, clusterId: 'c' }, { fileSystem: disk });
      await store.open();
      await create(store, 3, [other]);
      const writer = await receive(store, metaOf(8, big));
      await write(writer, big.subarray(0, 300_000));
      disk.add({ call: 'write', nth: 1, effect: { kind: 'error', code } });
      await expect(write(writer, big.subarray(300_000))).rejects.toMatchObject({ cause: { code } });
      await expect(write(writer, big.subarray(300_000))).rejects.toThrow(/has ended/);
      writer.close();
      expect(store.failure).toBeNull();
      const next = await receive(store, metaOf(8, big));
      expect(next.offset).toBe(0);
      expect(snapshotsIn(directory)).toHaveLength(2);
      for (const piece of piecesOf(big, 300_000)) await write(next, piece);
      await finish(next);
      expect(isSame(await currentContent(store), big)).toBe(true);
      await store.close();
    },
  );
});
