import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LabError, type Namespace } from '../../src/index.ts';

/** A script of this folder inside a namespace, which answers each line with one line. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(host: Namespace, name: string, args: readonly string[]) {
    const script = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
    this.#child = host.spawn(process.execPath, [script, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** The next line that it prints. @throws {LabError} If it has ended. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new LabError('LAB_PROCESS_ENDED', 'a process of the test has ended');
    return value;
  }

  /** Writes a line and reads the answer as JSON. */
  async ask<T>(line: string): Promise<T> {
    this.#child.stdin!.write(`${line}\n`);
    return JSON.parse(await this.line()) as T;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}
