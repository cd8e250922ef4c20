import type { CommandBatch } from './command-batch.ts';
import { CommandQueue } from './command-queue.ts';
import type { CommandWorkerData } from './command-worker.ts';
import { ConntrackCursor } from './conntrack-cursor.ts';
import { SingleDatagram } from './datagram-source.ts';
import {
  BatchTooLargeError,
  ChannelClosedError,
  CommandQueueFullError,
  errnoName,
} from './errors.ts';
import type { NetlinkMetrics } from './metrics.ts';
import { NETLINK_NETFILTER } from './netlink-protocol.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { type CommandChannelOptions, commandChannelOptions } from './options.ts';
import { WorkerThread } from './worker-thread.ts';

const RECEIVE_TIMEOUT_MS = 100;

/** What the kernel said to a batch. */
export interface CommandResults {
  readonly firstSequence: number;
  readonly count: number;
  /** Errno of each message by its number in the batch; 0: done. ENOBUFS: unknown, since answers were lost. */
  readonly errnos: Int32Array;
  /** How many of them are not 0. */
  readonly failures: number;
}

interface WaitingBatch {
  readonly onReplies: ((cursor: ConntrackCursor) => void) | null;
  readonly resolve: (results: CommandResults) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends batches of commands to the kernel's conntrack table from a thread of its own, in order, and reports the result of
 * every message. Its port id is known from the start, so that an event listener can leave out its echo.
 */
export class CommandChannel {
  readonly portId: number;
  readonly batchMessagesMax: number;
  readonly #socket: NetlinkSocket;
  readonly #queue: CommandQueue;
  readonly #thread: WorkerThread;
  readonly #metrics: NetlinkMetrics | null;
  readonly #waiting: WaitingBatch[] = [];
  readonly #source = new SingleDatagram();
  readonly #cursor = new ConntrackCursor(this.#source);
  #roomWaiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #position = 0;
  #closed: ChannelClosedError | null = null;

  /** @throws {NetlinkError | NetlinkOptionError} If the socket or an option is refused. */
  constructor(
    given: Partial<CommandChannelOptions>,
    dependencies: { onFailure: (error: Error) => void; metrics: NetlinkMetrics | null },
  ) {
    const options = commandChannelOptions(given);
    this.#metrics = dependencies.metrics;
    this.batchMessagesMax = options.batchMessagesMax;
    this.#socket = new NetlinkSocket({
      protocol: NETLINK_NETFILTER,
      namespace: options.namespace,
      receiveBufferBytes: options.receiveBufferBytes,
      receiveTimeoutMs: RECEIVE_TIMEOUT_MS,
    });
    this.portId = this.#socket.portId;
    this.#queue = CommandQueue.allocate(options.queueBatches, options.batchMessagesMax);
    this.#queue.sleep(0);
    const data: CommandWorkerData = { fd: this.#socket.fd, queue: this.#queue.shape };
    this.#thread = new WorkerThread(
      new URL('./command-worker.js', import.meta.url),
      data,
      () => this.#settle(),
      (error) => {
        this.#close(new ChannelClosedError('the command thread died', { cause: error }));
        dependencies.onFailure(error);
      },
    );
  }

  /** Places left in the queue. */
  get freePlaces(): number {
    return this.#queue.shape.places - this.#waiting.length;
  }

  /** Resolves when `execute` has a place. @throws {ChannelClosedError} If the channel closes first. */
  room(): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.freePlaces > 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#roomWaiters.push({ resolve, reject }));
  }

  /**
   * Sends a batch. Its bytes are copied before this returns, so the batch may be used again at once.
   *
   * @param onReplies Reads the entries that gets have found, by `while (cursor.next()) ...`; `cursor.sequence` less the
   * batch's first one is the get's number. Called before the promise resolves.
   * @throws {BatchTooLargeError} If it has more than `batchMessagesMax` messages.
   * @throws {CommandQueueFullError} If there is no place. @throws {ChannelClosedError} If the channel is closed.
   */
  execute(
    batch: CommandBatch,
    onReplies: ((cursor: ConntrackCursor) => void) | null = null,
  ): Promise<CommandResults> {
    const refusal = this.#refusal(batch);
    if (refusal !== null) return Promise.reject(refusal);
    if (batch.count === 0) return Promise.resolve(noResults(batch.firstSequence));
    batch.acknowledgeLast();
    const place = this.#queue.place(this.#position + this.#waiting.length);
    place.fill(batch.bytes, batch.length, batch.count, batch.firstSequence);
    this.#metrics?.commands.inc(batch.count);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ onReplies, resolve, reject });
      this.#queue.submit();
    });
  }

  /** Ends when every batch that was given has been answered. */
  async stop(): Promise<void> {
    if (this.#closed !== null) return;
    this.#closed = new ChannelClosedError('command channel is stopped');
    this.#queue.stop();
    await this.#thread.ended();
    this.#settle();
    this.#close(this.#closed);
  }

  #refusal(batch: CommandBatch): Error | null {
    if (this.#closed !== null) return this.#closed;
    if (batch.count > this.batchMessagesMax || batch.length > this.#queue.bytesMax) {
      const { batchMessagesMax } = this;
      const { bytesMax } = this.#queue;
      return new BatchTooLargeError(batch.count, batchMessagesMax, batch.length, bytesMax);
    }
    if (this.freePlaces > 0) return null;
    return new CommandQueueFullError(`all ${this.#waiting.length} places are taken`);
  }

  #settle(): void {
    do {
      while (this.#position !== this.#queue.completed()) this.#settleNext();
    } while (!this.#queue.sleep(this.#position));
    if (this.freePlaces === 0) return;
    for (const { resolve } of this.#roomWaiters.splice(0)) resolve();
  }

  #settleNext(): void {
    const waiting = this.#waiting[0];
    const place = this.#queue.place(this.#position);
    const errnos = place.errnos.slice(0, place.count);
    const results: CommandResults = {
      firstSequence: place.firstSequence,
      count: place.count,
      errnos,
      failures: this.#countFailures(errnos),
    };
    let failure: unknown = null;
    if (waiting?.onReplies && place.replyLength > 0) {
      this.#source.of(place.reply, place.replyLength);
      try {
        waiting.onReplies(this.#cursor);
        while (this.#cursor.next()) {
          // What the owner left must not show up in the next batch.
        }
      } catch (error) {
        failure = error;
        while (this.#cursor.next()) {
          // As above.
        }
      }
    }
    this.#waiting.shift();
    this.#position = (this.#position + 1) | 0;
    if (failure === null) waiting?.resolve(results);
    else waiting?.reject(failure instanceof Error ? failure : new Error(String(failure)));
  }

  #countFailures(errnos: Int32Array): number {
    let failures = 0;
    for (const errno of errnos) {
      if (errno === 0) continue;
      failures++;
      this.#metrics?.commandErrors.inc({ errno: errnoName(errno) });
    }
    return failures;
  }

  #close(error: ChannelClosedError): void {
    this.#closed = error;
    this.#socket.close();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    for (const { reject } of this.#roomWaiters.splice(0)) reject(error);
  }
}

function noResults(firstSequence: number): CommandResults {
  return { firstSequence, count: 0, errnos: new Int32Array(0), failures: 0 };
}
