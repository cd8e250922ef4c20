import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';

/** This machine, as far as `doctor` looks at it. */
export interface Host {
  /** The text of a file, or null if it is not there or not to be read. */
  read(file: string): Promise<string | null>;
  /** What a program prints, or null if it is missing or fails. */
  output(file: string, args: readonly string[]): Promise<string | null>;
  /** Addresses of its interfaces. */
  addresses(): readonly string[];
  readonly isRoot: boolean;
}

const outputBytesMax = 64 * 1024 * 1024;
const toolTimeoutMs = 15_000;

/** The machine and network namespace that this process runs in. */
export const thisHost: Host = {
  isRoot: process.getuid?.() === 0,
  read: (file) => readFile(file, 'utf8').catch(() => null),
  addresses: () =>
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((it) => it.address)),
  output: (file, args) =>
    new Promise((resolve) => {
      const options = {
        timeout: toolTimeoutMs,
        maxBuffer: outputBytesMax,
        env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
      };
      execFile(file, args, options, (failure, stdout) => resolve(failure === null ? stdout : null));
    }),
};

/** A number of /proc/sys, by its name with dots; null if there is none. */
export async function sysctl(host: Host, name: string): Promise<number | null> {
  const text = await host.read(`/proc/sys/${name.replaceAll('.', '/')}`);
  return text === null || !/^\d+\s*$/.test(text) ? null : Number(text);
}
