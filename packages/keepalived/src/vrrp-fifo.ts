import { EventEmitter } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';
import { Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { VrrpFifoError } from './errors.ts';
import { isSameFile, openFifo } from './fifo-file.ts';
import { LineSplitter } from './line-splitter.ts';
import type { KeepalivedMetrics } from './metrics.ts';
import { checkFifoOptions, type VrrpFifoOptions } from './options.ts';
import { parseVrrpLine, type VrrpLine } from './vrrp-line.ts';

/** Where a follower gets its lines from; one FIFO serves all followers of a node. */
export interface VrrpLineSource {
  on(event: 'line', listener: (line: VrrpLine) => void): unknown;
  off(event: 'line', listener: (line: VrrpLine) => void): unknown;
}

/** Events of {@link VrrpFifo}. */
export interface VrrpFifoEvents {
  line: [line: VrrpLine];
  /** A line that could not be read; it is counted and skipped. */
  badLine: [text: string];
  /** The FIFO is gone and cannot be opened again; it is tried again every `checkMs`. */
  error: [error: VrrpFifoError];
}

/**
 * Reads keepalived's `vrrp_notify_fifo`. It outlives keepalived's restarts: the FIFO is held open
 * for writing too, and opened again when keepalived has put another file in its place (keepalived
 * removes a FIFO that it made itself).
 */
export class VrrpFifo extends EventEmitter<VrrpFifoEvents> implements VrrpLineSource {
  readonly #options: Required<VrrpFifoOptions>;
  readonly #metrics: KeepalivedMetrics | null;
  #open: { fd: number; socket: Socket } | null = null;
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #badLines = 0;

  /** @throws {VrrpOptionsError} If an option is not allowed. */
  constructor(options: VrrpFifoOptions, metrics: KeepalivedMetrics | null = null) {
    super();
    this.#options = checkFifoOptions(options);
    this.#metrics = metrics;
  }

  /** Lines that could not be read since the start. */
  get badLines(): number {
    return this.#badLines;
  }

  /** @throws {VrrpFifoError} If the FIFO cannot be created or opened. */
  start(): void {
    if (this.#timer !== null) return;
    this.#openFile();
    this.#watch();
    this.#timer = setInterval(() => this.#check(), this.#options.checkMs);
  }

  /** Stops reading; the FIFO stays in its place for keepalived. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#watcher?.close();
    this.#watcher = null;
    this.#open?.socket.destroy();
    this.#open = null;
  }

  #openFile(): void {
    const { path } = this.#options;
    const fd = openFifo(path);
    const socket = new Socket({ fd, readable: true, writable: false });
    const splitter = new LineSplitter();
    socket.on('data', (chunk: Buffer) => this.#read(splitter.push(chunk)));
    socket.on('error', (cause) => {
      if (this.#open?.socket === socket) this.#open = null;
      this.emit('error', new VrrpFifoError(path, 'cannot read it', cause));
    });
    this.#open = { fd, socket };
  }

  #read(lines: readonly string[]): void {
    for (const text of lines) {
      const line = parseVrrpLine(text);
      if (line === null) {
        this.#badLines += 1;
        this.#metrics?.fifoBadLinesTotal.inc();
        this.emit('badLine', text);
      } else {
        this.#metrics?.fifoLinesTotal.inc();
        this.emit('line', line);
      }
    }
  }

  #watch(): void {
    const { path } = this.#options;
    try {
      this.#watcher = watch(dirname(path), (_event, name) => {
        if (name === basename(path)) this.#check();
      });
      // A removed directory ends the watch; the periodic check goes on.
      this.#watcher.on('error', () => this.#dropWatcher());
    } catch {
      this.#watcher = null;
    }
  }

  #dropWatcher(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #check(): void {
    if (this.#timer === null) return;
    try {
      if (this.#open !== null && isSameFile(this.#open.fd, this.#options.path)) return;
      const old = this.#open;
      this.#openFile();
      // What is still in the old file is read before it goes: its writer may be the last keepalived.
      if (old !== null) setImmediate(() => old.socket.destroy());
      this.#dropWatcher();
      this.#watch();
      this.#metrics?.fifoReopensTotal.inc();
    } catch (error) {
      this.emit('error', error as VrrpFifoError);
    }
  }
}
