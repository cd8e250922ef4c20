import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { StorageFailedError, StorageLockedError } from './errors.ts';

/** Gives the directory free again. */
export type Unlock = () => Promise<void>;

/** sun_path holds 108 bytes with the terminating zero (unix(7)). */
const socketPathBytesMax = 107;
const attemptsMax = 5;

/**
 * Locks a directory by listening on a Unix socket in it: the kernel ends the lock with the process, however that ends, and
 * it holds across network and process namespaces, where a process id proves nothing.
 *
 * @throws {StorageLockedError} If a living process holds it.
 */
export async function lockDirectory(directory: string): Promise<Unlock> {
  const file = path.join(directory, 'lock');
  const handle = fs.openSync(directory, 'r');
  // A long path is shortened by way of the directory's own descriptor.
  const address =
    Buffer.byteLength(file) <= socketPathBytesMax ? file : `/proc/self/fd/${handle}/lock`;
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const server = await listen(address);
      if (server !== null) return () => release(server, handle);
      const stale = inodeOf(file);
      if (await isAnswered(address)) throw new StorageLockedError(directory);
      // The inode tells the dead socket from one that a quicker process has just put in its place.
      if (stale !== null && inodeOf(file) === stale) fs.rmSync(file, { force: true });
    }
    throw new StorageLockedError(directory);
  } catch (error) {
    fs.closeSync(handle);
    if (error instanceof StorageLockedError) throw error;
    throw new StorageFailedError(directory, 'the directory could not be locked', error);
  }
}

function inodeOf(file: string): bigint | null {
  return fs.lstatSync(file, { bigint: true, throwIfNoEntry: false })?.ino ?? null;
}

function listen(address: string): Promise<net.Server | null> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen({ path: address }, () => resolve(server));
  });
}

function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN' || error.code === 'ECONNRESET') resolve(true);
      else reject(error);
    });
  });
}

function release(server: net.Server, handle: number): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      fs.closeSync(handle);
      resolve();
    });
  });
}
