import { mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TrackFileError } from './errors.ts';
import { checkAbsolute } from './options.ts';

/** 0 not ready, 1 ready, 2 ready and Raft leader (mode `lead` alone). */
export type TrackValue = 0 | 1 | 2;

/**
 * The file by which keepalived learns whether this node may hold the virtual addresses.
 * keepalived watches the directory (inotify), not the file, so the directory must outlive the daemon
 * and is never removed here; neither is the file, whose absence means 0. Each value arrives by
 * rename: keepalived never reads half of one.
 */
export class TrackFile {
  readonly #path: string;

  /** @throws {VrrpOptionsError} If the path is relative. */
  constructor(options: { readonly path: string }) {
    checkAbsolute('trackFile', options.path);
    this.#path = options.path;
  }

  /** What keepalived reads now: an absent, empty or garbled file counts as 0. */
  value(): TrackValue {
    try {
      const text = readFileSync(this.#path, 'utf8').trim();
      return text === '1' ? 1 : text === '2' ? 2 : 0;
    } catch {
      return 0;
    }
  }

  /** Writes the value unless it is there already.
   * @throws {TrackFileError} If the file cannot be written. */
  set(value: TrackValue): void {
    const directory = dirname(this.#path);
    const draft = join(directory, `.${basename(this.#path)}.${process.pid}`);
    try {
      if (this.#written() === `${value}\n`) return;
      mkdirSync(directory, { recursive: true });
      writeFileSync(draft, `${value}\n`, { mode: 0o644 });
      renameSync(draft, this.#path);
    } catch (cause) {
      rmSync(draft, { force: true });
      throw new TrackFileError(this.#path, `cannot write ${value}`, cause);
    }
  }

  /** Renews the file's age, the daemon's sign of life for a `vrrp_script` (rule V3).
   * @throws {TrackFileError} If the file is not there. */
  renew(): void {
    try {
      const now = new Date();
      utimesSync(this.#path, now, now);
    } catch (cause) {
      throw new TrackFileError(this.#path, 'cannot renew its age', cause);
    }
  }

  /** A clean stop: not ready any more. */
  close(): void {
    this.set(0);
  }

  #written(): string | null {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch {
      return null;
    }
  }
}
