import fs from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Done } from '../ports.ts';

export type { Done };

/**
 * The calls by which the store touches the disk, and nothing else: the place for faults in tests.
 * Hot calls take callbacks. A call that fails may have done a part of its work.
 */
export interface FileSystem {
  /** Makes the directory and its parents, durably. */
  makeDirectory(directory: string): Promise<void>;
  /** Names in the directory, in any order. */
  list(directory: string): Promise<readonly string[]>;
  /** `create` fails when the file exists, `update` when it does not. */
  open(file: string, mode: 'create' | 'update'): Promise<number>;
  /** Gives the descriptor back. */
  close(file: number): Promise<void>;
  /** Length of the file. */
  sizeBytes(file: number): Promise<number>;
  /** Reads at `position` until `target` is full or the file ends; returns the bytes read. */
  read(file: number, target: Uint8Array, position: number): number;
  /** As `read`, without holding the loop. */
  readAsync(file: number, target: Uint8Array, position: number): Promise<number>;
  /** Writes all of `data` at `position`. */
  write(file: number, data: Uint8Array, position: number, done: Done): void;
  /** fdatasync(2). */
  dataSync(file: number, done: Done): void;
  /** Sets the length of the file. */
  truncate(file: number, sizeBytes: number): Promise<void>;
  /** Atomic; durable only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Removes the name; durable only after `syncDirectory`. */
  remove(file: string): Promise<void>;
  /** fsync(2) of the directory: what was made, renamed and removed in it is durable. */
  syncDirectory(directory: string): Promise<void>;
}

function readFully(file: number, target: Uint8Array, position: number): number {
  let total = 0;
  while (total < target.length) {
    const bytes = fs.readSync(file, target, total, target.length - total, position + total);
    if (bytes === 0) break;
    total += bytes;
  }
  return total;
}

function readFullyAsync(file: number, target: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const readFrom = (total: number): void => {
      fs.read(file, target, total, target.length - total, position + total, (error, bytes) => {
        if (error) reject(error);
        else if (bytes === 0 || total + bytes === target.length) resolve(total + bytes);
        else readFrom(total + bytes);
      });
    };
    readFrom(0);
  });
}

function writeFully(file: number, data: Uint8Array, position: number, done: Done): void {
  fs.write(file, data, 0, data.length, position, (error, written) => {
    if (error) done(error);
    else if (written === data.length) done(null);
    else if (written === 0) done(new Error('write(2) wrote nothing'));
    else writeFully(file, data.subarray(written), position + written, done);
  });
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeDirectory(directory: string): Promise<void> {
  if (fs.existsSync(directory)) return;
  const parent = path.dirname(path.resolve(directory));
  await makeDirectory(parent);
  await fs.promises.mkdir(directory, { mode: 0o700, recursive: true });
  await syncDirectory(parent);
}

/** The disk itself. */
export const nodeFileSystem: FileSystem = Object.freeze({
  makeDirectory,
  list: (directory: string) => readdir(directory),
  open: (file: string, mode: 'create' | 'update') =>
    new Promise<number>((resolve, reject) => {
      fs.open(file, mode === 'create' ? 'wx+' : 'r+', 0o600, (error, descriptor) =>
        error ? reject(error) : resolve(descriptor),
      );
    }),
  close: (file: number) =>
    new Promise<void>((resolve, reject) => {
      fs.close(file, (error) => (error ? reject(error) : resolve()));
    }),
  sizeBytes: async (file: number) => fs.fstatSync(file).size,
  read: readFully,
  readAsync: readFullyAsync,
  write: writeFully,
  dataSync: (file: number, done: Done) => fs.fdatasync(file, done),
  truncate: (file: number, sizeBytes: number) =>
    new Promise<void>((resolve, reject) => {
      fs.ftruncate(file, sizeBytes, (error) => (error ? reject(error) : resolve()));
    }),
  rename,
  remove: (file: string) => rm(file),
  syncDirectory,
});

/** `write` as a promise, for the paths where a group is not waiting. */
export function writeAsync(
  fileSystem: FileSystem,
  file: number,
  data: Uint8Array,
  position: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    fileSystem.write(file, data, position, (error) => (error ? reject(error) : resolve()));
  });
}

/** `dataSync` as a promise, for the paths where a group is not waiting. */
export function dataSyncAsync(fileSystem: FileSystem, file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fileSystem.dataSync(file, (error) => (error ? reject(error) : resolve()));
  });
}
