import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { ProcessEndedError } from './errors.ts';

const TAIL_LINES = 20;

/** What a managed process needs. */
export interface ManagedProcessOptions {
  readonly name: string;
  /** Every line of both outputs is kept there, appended. */
  readonly logFile: string;
  readonly onLine?: (line: string) => void;
}

/** A daemon of the lab: its output is logged, its end is known. */
export class ManagedProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<number | null>;
  readonly #tail: string[] = [];
  #exited = false;

  /** `child` must have piped standard output and error. */
  constructor(child: ChildProcess, options: ManagedProcessOptions) {
    this.#child = child;
    this.#name = options.name;
    const log = createWriteStream(options.logFile, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${line}\n`);
        this.#tail.push(line);
        if (this.#tail.length > TAIL_LINES) this.#tail.shift();
        options.onLine?.(line);
      });
    }
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#tail.push(String(error));
        this.#exited = true;
        resolve(null);
      });
      child.once('exit', (code) => {
        this.#exited = true;
        resolve(code);
      });
    });
    child.once('close', () => log.end());
  }

  get running(): boolean {
    return !this.#exited;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves with its exit code when it ends; null if a signal ended it. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  /** @throws {ProcessEndedError} If it runs no more. */
  assertRunning(): void {
    if (this.#exited) throw new ProcessEndedError(this.#name, this.#tail.join('\n'));
  }

  /** Sends a signal and waits for the end; SIGKILL after `graceMs`.
   * @returns the exit code, null if a signal ended it */
  async end(signal: NodeJS.Signals, graceMs = 15_000): Promise<number | null> {
    if (this.#exited) return this.#ended;
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }

  /** Sends a signal that does not end it. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }
}
