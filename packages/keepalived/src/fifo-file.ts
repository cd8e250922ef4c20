import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { VrrpFifoError } from './errors.ts';

const FIFO_MODE = '600';

/**
 * Opens the FIFO at `path`, creating it and its directory if absent.
 * Read and write, so that it never reports end of file when keepalived goes; non-blocking, so that
 * no reader is needed for the open to return.
 * @throws {VrrpFifoError} If it cannot be created or opened, or something else is in its place.
 */
export function openFifo(path: string): number {
  let fd: number;
  try {
    createFifo(path);
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    throw new VrrpFifoError(path, 'cannot create or open it', cause);
  }
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new VrrpFifoError(path, 'the file there is not a FIFO');
}

/** @returns whether `fd` is still the file that `path` names */
export function isSameFile(fd: number, path: string): boolean {
  const here = statIfPresent(path);
  const held = fstatSync(fd);
  return here !== null && here.ino === held.ino && here.dev === held.dev;
}

function createFifo(path: string): void {
  if (statIfPresent(path) !== null) return;
  mkdirSync(dirname(path), { recursive: true });
  try {
    execFileSync('mkfifo', ['-m', FIFO_MODE, path], { stdio: 'pipe' });
  } catch (cause) {
    // keepalived may have created it in this very moment.
    if (statIfPresent(path) === null) throw cause;
  }
}

function statIfPresent(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}
