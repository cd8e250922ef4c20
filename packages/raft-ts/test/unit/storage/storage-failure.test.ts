import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  FaultyFileSystem,
  nodeFileSystem,
  SegmentLogStore,
  StorageFormatError,
  StorageIdentityError,
  StorageLockedError,
  StorageUsageError,
} from '../../../src/storage/index.ts';
import {
  appendBatch,
  readAll,
  textEntries,
  textEntry,
} from '../../../src/testing/log-store-contract.ts';

// Many small steps, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const made: string[] = [];

function newDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-log-'));
  made.push(directory);
  return directory;
}

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
});

function settingsIn(directory: string, segmentBytes = 8192) {
  return { directory, clusterId: 'c', segmentBytes };
}

describe('failures of the disk', () => {
  it('L3: a torn write leaves the groups before it, and the torn mark', async () => {
    const directory = newDirectory();
    const disk = new FaultyFileSystem(nodeFileSystem);
    const store = new SegmentLogStore(settingsIn(directory), { fileSystem: disk });
    await store.open();
    await appendBatch(store, { entries: textEntries(1, 3, 1) });
    disk.add({ call: 'write', nth: 1, path: '.segment', effect: { kind: 'tear', bytes: 70 } });
    await expect(appendBatch(store, { entries: textEntries(4, 6, 1) })).rejects.toThrow();
    await store.close();
    const again = new SegmentLogStore(settingsIn(directory));
    const restored = await again.open();
    expect(restored).toMatchObject({ lastIndex: 3, tornLog: true });
    expect(readAll(again, 1, 3)).toEqual(textEntries(1, 3, 1));
    await again.close();
  });

  it('a missing spare makes an append use a file that grows, and loses nothing', async () => {
    const directory = newDirectory();
    const noRoom = { kind: 'error', code: 'ENOSPC' } as const;
    const disk = new FaultyFileSystem(nodeFileSystem);
    let unprepared = 0;
    const idle = { inc: () => undefined, set: () => undefined, observe: () => undefined };
    const metrics = {
      appendSeconds: idle,
      writtenBytes: idle,
      segments: idle,
      diskReads: idle,
      segmentsUnprepared: { inc: () => (unprepared += 1) },
    };
    const store = new SegmentLogStore(settingsIn(directory), { fileSystem: disk, metrics });
    // The first two syncs of a spare are those of the first segment.
    disk.add({ call: 'dataSync', nth: 3, path: '.spare', effect: noRoom });
    await store.open();
    for (let index = 1; index <= 200; index++) {
      await appendBatch(store, { entries: [textEntry(index, 1, 'z'.repeat(100))] });
    }
    await store.close();
    const again = new SegmentLogStore(settingsIn(directory));
    await again.open();
    expect(readAll(again, 1, 200)).toHaveLength(200);
    await again.close();
    expect(unprepared).toBeGreaterThan(0);
    expect(readdirSync(directory).filter((name) => name.endsWith('.spare'))).toEqual([]);
  });

  it('only one append may be in flight', async () => {
    const store = new SegmentLogStore(settingsIn(newDirectory()));
    await store.open();
    const first = appendBatch(store, { entries: [textEntry(1, 1)] });
    await expect(appendBatch(store, { entries: [textEntry(2, 1)] })).rejects.toThrow(
      StorageUsageError,
    );
    await first;
    await store.close();
  });

  it('closing waits for the append in flight', async () => {
    const directory = newDirectory();
    const store = new SegmentLogStore(settingsIn(directory));
    await store.open();
    const appended = appendBatch(store, { entries: [textEntry(1, 1)] });
    await store.close();
    await appended;
    const again = new SegmentLogStore(settingsIn(directory));
    expect((await again.open()).lastIndex).toBe(1);
    await again.close();
  });
});

describe('the directory', () => {
  it('is open once only, in this process and in others, and free again when its process dies', async () => {
    const directory = newDirectory();
    const holder = `
      import net from 'node:net';
      net.createServer((socket) => socket.destroy()).listen(process.argv[1] + '/lock', () => {
        console.log('held');
        process.kill(process.pid, 'SIGKILL');
      });`;
    // A process that was killed leaves its socket file behind.
    spawnSync(process.execPath, ['--input-type=module', '-e', holder, directory]);
    expect(readdirSync(directory)).toContain('lock');
    const first = new SegmentLogStore(settingsIn(directory));
    await first.open();
    await expect(new SegmentLogStore(settingsIn(directory)).open()).rejects.toThrow(
      StorageLockedError,
    );
    await first.close();
    const second = new SegmentLogStore(settingsIn(directory));
    await second.open();
    await second.close();
  });

  it('may have a path that is longer than a socket address', async () => {
    const directory = path.join(newDirectory(), 'd'.repeat(120));
    mkdirSync(directory);
    const store = new SegmentLogStore(settingsIn(directory));
    await store.open();
    await expect(new SegmentLogStore(settingsIn(directory)).open()).rejects.toThrow(
      StorageLockedError,
    );
    await store.close();
  });

  it('of another cluster is refused by name', async () => {
    const directory = newDirectory();
    const store = new SegmentLogStore(settingsIn(directory));
    await store.open();
    await store.close();
    const other = new SegmentLogStore({ ...settingsIn(directory), clusterId: 'other' });
    await expect(other.open()).rejects.toThrow(StorageIdentityError);
  });

  it('has no room for endless first members, and goes on without them', async () => {
    const directory = newDirectory();
    const store = new SegmentLogStore(settingsIn(directory));
    await store.open();
    const members = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${'x'.repeat(250)}${i}`, 'a:1']),
    );
    await expect(store.noteBootstrap(members)).rejects.toThrow(
      /members must be at most 3498 bytes/,
    );
    await appendBatch(store, { entries: textEntries(1, 1, 1) });
    await store.close();
  });

  it('may have a path that does not exist yet', async () => {
    const directory = path.join(newDirectory(), 'a', 'b');
    const store = new SegmentLogStore(settingsIn(directory));
    await store.open();
    await store.close();
  });

  it('options out of range are named', () => {
    expect(() => new SegmentLogStore(settingsIn('/x', 100))).toThrow(/segmentBytes must be/);
    expect(() => new SegmentLogStore({ directory: '/x', clusterId: '' })).toThrow(/clusterId/);
    expect(StorageFormatError.name).toBe('StorageFormatError');
  });
});
