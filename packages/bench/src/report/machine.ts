import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';

/** What a figure depends on beside the program. */
export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Median of writing 4 KiB over themselves with fdatasync(2): what one commit on disk costs at least. */
  readonly fdatasyncMs: number;
  /** Processes that wanted to run before the benchmark began (proc(5), loadavg): 0 on an idle machine. */
  readonly loadAverage: number;
  readonly date: string;
}

/** @param directory A directory on the disk that is used. */
export function machineFacts(directory: string): MachineFacts {
  return {
    cpu: cpus()[0]!.model.trim(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    fdatasyncMs: fdatasyncMs(directory),
    loadAverage: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Median of 200. */
export function fdatasyncMs(directory: string): number {
  const path = join(directory, 'fdatasync');
  const file = openSync(path, 'w');
  const page = new Uint8Array(4096);
  const times = Array.from({ length: 200 }, () => {
    const startMs = performance.now();
    writeSync(file, page, 0, page.length, 0);
    fdatasyncSync(file);
    return performance.now() - startMs;
  });
  closeSync(file);
  rmSync(path);
  return median(times);
}
