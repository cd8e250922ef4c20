import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Namespace } from './namespace.ts';

/** Follows by `ip monitor` whether one address is on a firewall, and since when. */
export class AddressWatch {
  readonly #address: string;
  readonly #monitor: ChildProcess;
  readonly #onChange: (present: boolean) => void;
  #present = false;

  constructor(namespace: Namespace, address: string, onChange: (present: boolean) => void) {
    this.#address = address;
    this.#onChange = onChange;
    this.#monitor = namespace.spawn('ip', ['-o', 'monitor', 'address'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    createInterface({ input: this.#monitor.stdout! }).on('line', (line) => this.#takeLine(line));
  }

  get present(): boolean {
    return this.#present;
  }

  /** Ends it without a word; the address counts as absent. */
  close(): void {
    this.#monitor.kill('SIGKILL');
    this.#present = false;
  }

  #takeLine(line: string): void {
    if (!line.includes(` ${this.#address}/`)) return;
    this.#set(!line.startsWith('Deleted'));
  }

  #set(present: boolean): void {
    if (present === this.#present) return;
    this.#present = present;
    this.#onChange(present);
  }
}
