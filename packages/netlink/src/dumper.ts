import { ConntrackCursor } from './conntrack-cursor.ts';
import type { ConntrackExpectation } from './conntrack-expectation.ts';
import { DatagramReader } from './datagram-reader.ts';
import { type DumpFilter, writeDumpRequest, writeExpectationDumpRequest } from './dump-request.ts';
import { ChannelClosedError, DumpBusyError, NetlinkError, NetlinkOptionError } from './errors.ts';
import { MessageWriter } from './message-writer.ts';
import type { NetlinkMetrics } from './metrics.ts';
import { NETLINK_NETFILTER } from './netlink-protocol.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { type DumperOptions, dumperOptions } from './options.ts';

/** The kernel never makes a dump's datagram longer. */
const PAGE_BYTES = 32 * 1024;
const REQUEST_BYTES = 64;
const RECEIVE_TIMEOUT_MS = 100;

/** How a dump went. */
export interface DumpResult {
  readonly entries: number;
  /** The table changed under the walk: entries may be missing or doubled. */
  readonly interrupted: boolean;
  /** Entries that did not parse and were skipped. */
  readonly malformed: number;
}

interface RunningDump {
  readonly sequence: number;
  readonly shownBefore: number;
  readonly malformedBefore: number;
  readonly onEntries: (cursor: ConntrackCursor) => void;
  readonly onExpectation: (expectation: ConntrackExpectation) => void;
  readonly resolve: (result: DumpResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Dumps of the kernel's conntrack table, one at a time. The walk, nearly all of a dump's cost, happens on a thread of its
 * own; the main loop gets the entries page by page (about 150) in slices, and the kernel waits for it.
 */
export class Dumper {
  readonly #socket: NetlinkSocket;
  readonly #reader: DatagramReader;
  readonly #cursor: ConntrackCursor;
  readonly #metrics: NetlinkMetrics | null;
  readonly #request = new SharedArrayBuffer(8 + REQUEST_BYTES);
  readonly #writer = new MessageWriter(0);
  #running: RunningDump | null = null;
  #finished: (() => void) | null = null;
  #sequence = 0;
  #closed: Error | null = null;

  /** @throws {NetlinkError | NetlinkOptionError} If the socket or an option is refused. */
  constructor(given: Partial<DumperOptions>, dependencies: { metrics: NetlinkMetrics | null }) {
    const options = dumperOptions(given);
    this.#metrics = dependencies.metrics;
    this.#socket = new NetlinkSocket({
      protocol: NETLINK_NETFILTER,
      namespace: options.namespace,
      receiveTimeoutMs: RECEIVE_TIMEOUT_MS,
    });
    this.#reader = new DatagramReader(
      {
        script: new URL('./dump-worker.js', import.meta.url),
        data: { request: this.#request },
        slots: options.ringSlots,
        slotBytes: PAGE_BYTES,
        batchMax: 1,
        sliceMs: options.sliceMs,
      },
      {
        socket: this.#socket,
        handlers: {
          onDatagrams: () => this.#onPage(),
          onOverrun: () => this.#fail(new Error('a page of the dump was lost')),
          onFailure: (error) => this.#close(error),
        },
      },
    );
    this.#cursor = new ConntrackCursor(this.#reader.source, {
      onControl: (sequence, errno) => this.#onEnd(sequence, errno),
      onExpectation: (_, expectation) => this.#running?.onExpectation(expectation),
    });
  }

  /**
   * Dumps the table.
   *
   * @param onEntries Reads the entries of one page: `while (cursor.next()) ...`, kind `entry`; what is not read is skipped.
   * An exception from it ends the dump with that error.
   * @throws {DumpBusyError} If a dump is running. @throws {ChannelClosedError} If the dumper is stopped or its thread died.
   * @throws {NetlinkError} If the kernel refuses or breaks off the dump.
   */
  dump(filter: DumpFilter, onEntries: (cursor: ConntrackCursor) => void): Promise<DumpResult> {
    const { zone } = filter;
    if (zone !== undefined && !(zone >= 1 && zone <= 65_535)) {
      return Promise.reject(new NetlinkOptionError('zone', '1 to 65535', zone));
    }
    const write = (sequence: number): void => writeDumpRequest(this.#writer, sequence, filter);
    return this.#start(write, { onEntries, onExpectation: () => undefined });
  }

  /**
   * Dumps the expectations of all helpers, of which there are few.
   *
   * @param onExpectation The cell is reused. @throws as `dump`.
   */
  dumpExpectations(
    onExpectation: (expectation: ConntrackExpectation) => void,
  ): Promise<DumpResult> {
    const write = (sequence: number): void => writeExpectationDumpRequest(this.#writer, sequence);
    return this.#start(write, { onEntries: () => undefined, onExpectation });
  }

  #start(
    write: (sequence: number) => void,
    handlers: Pick<RunningDump, 'onEntries' | 'onExpectation'>,
  ): Promise<DumpResult> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#running !== null) return Promise.reject(new DumpBusyError('a dump is running'));
    this.#sequence = (this.#sequence % 0xffffffff) + 1;
    // Pages of a dump that failed half-way may still come; they are skipped.
    this.#cursor.wantedSequence = this.#sequence;
    this.#cursor.interrupted = false;
    return new Promise((resolve, reject) => {
      this.#running = {
        ...handlers,
        sequence: this.#sequence,
        shownBefore: this.#cursor.shown,
        malformedBefore: this.#cursor.malformed,
        resolve,
        reject,
      };
      this.#writer.clear();
      write(this.#sequence);
      this.#send();
    });
  }

  /** Ends the thread and closes the socket; a running dump fails with `ChannelClosedError`. */
  async stop(): Promise<void> {
    if (this.#closed !== null) return;
    this.#close(new ChannelClosedError('dumper is stopped'));
    await this.#reader.stop();
  }

  #send(): void {
    new Uint8Array(this.#request, 8).set(this.#writer.bytes.subarray(0, this.#writer.length));
    new Int32Array(this.#request, 0, 1)[0] = this.#writer.length;
    this.#reader.request();
  }

  #onPage(): void {
    const cursor = this.#cursor;
    try {
      this.#running?.onEntries(cursor);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    while (cursor.next()) {
      // The end of the dump lies behind whatever the owner left.
    }
    this.#finished?.();
    this.#finished = null;
  }

  #onEnd(sequence: number, errno: number): void {
    const running = this.#running;
    if (running === null || running.sequence !== sequence) return;
    if (errno !== 0) {
      this.#fail(new NetlinkError('dump', errno));
      return;
    }
    // The owner may still be inside `onEntries`: it hears of the end when it has returned.
    this.#finished = () => this.#finish(running);
  }

  #finish(running: RunningDump): void {
    if (this.#running !== running) return;
    this.#running = null;
    const { shown, malformed, interrupted } = this.#cursor;
    const entries = shown - running.shownBefore;
    this.#metrics?.dumps.inc();
    this.#metrics?.dumpedEntries.inc(entries);
    if (interrupted) this.#metrics?.interruptedDumps.inc();
    running.resolve({ entries, interrupted, malformed: malformed - running.malformedBefore });
  }

  #fail(error: Error): void {
    const running = this.#running;
    this.#running = null;
    running?.reject(error);
  }

  #close(error: Error): void {
    this.#closed ??=
      error instanceof ChannelClosedError
        ? error
        : new ChannelClosedError('the dump thread died', { cause: error });
    this.#fail(this.#closed);
  }
}
