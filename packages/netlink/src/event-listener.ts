import { ConntrackCursor, type ExpectationHandler } from './conntrack-cursor.ts';
import { CtGroup, ExpectationGroup } from './ctnetlink-protocol.ts';
import { DatagramReader } from './datagram-reader.ts';
import { ChannelClosedError } from './errors.ts';
import { MessageWriter } from './message-writer.ts';
import type { NetlinkMetrics } from './metrics.ts';
import { NETLINK_NETFILTER, NLM_F_ACK, NLM_F_REQUEST, NLMSG_NOOP } from './netlink-protocol.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { type EventListenerOptions, eventListenerOptions } from './options.ts';
import { eventFilter } from './socket-filter.ts';

/** Longest event; one with every attribute there is takes about 700 bytes. */
const EVENT_BYTES_MAX = 1024;
const RECEIVE_TIMEOUT_MS = 100;

export interface EventListenerDependencies {
  /**
   * Reads a batch of events: `while (cursor.next()) ...`. The cursor is one and the same; what is not read is skipped.
   * Runs on the main loop and must not call `drain` or `stop`.
   */
  readonly onBatch: (cursor: ConntrackCursor) => void;
  /** The kernel dropped events (ENOBUFS): the table has to be compared with a dump. Comes before the events behind it. */
  readonly onOverrun: (times: number) => void;
  /** An expectation was made or is gone; called while a batch is read, in its place among the events. Null: not asked for. */
  readonly onExpectation?: ExpectationHandler | null;
  /** The listener's thread died; no more events come. */
  readonly onFailure: (error: Error) => void;
  readonly metrics: NetlinkMetrics | null;
}

/**
 * Events of the kernel's conntrack table: new, update and destroy, as packets, timeouts and other programs cause them.
 * A thread takes them from the kernel into a ring of shared memory, and the main loop reads them there. When the main
 * loop is behind, the ring fills and the socket's receive buffer takes the rest; only its overflow loses events.
 */
export class EventListener {
  readonly portId: number;
  readonly #socket: NetlinkSocket;
  readonly #reader: DatagramReader;
  readonly #cursor: ConntrackCursor;
  readonly #dependencies: EventListenerDependencies;
  readonly #barriers = new Map<number, () => void>();
  readonly #passed: (() => void)[] = [];
  #nextBarrier = 1;
  #stopped = false;
  #malformed = 0;
  #shown = 0;
  #fullWaits = 0;

  /** Subscribes at once. @throws {NetlinkError | NetlinkOptionError} If the socket or an option is refused. */
  constructor(given: Partial<EventListenerOptions>, dependencies: EventListenerDependencies) {
    const options = eventListenerOptions(given);
    this.#dependencies = dependencies;
    this.#socket = new NetlinkSocket({
      protocol: NETLINK_NETFILTER,
      namespace: options.namespace,
      receiveBufferBytes: options.receiveBufferBytes,
      receiveTimeoutMs: RECEIVE_TIMEOUT_MS,
      filter: eventFilter(options),
      groups: [
        ...Object.values(CtGroup),
        ...(dependencies.onExpectation ? Object.values(ExpectationGroup) : []),
      ],
    });
    this.portId = this.#socket.portId;
    this.#reader = new DatagramReader(
      {
        script: new URL('./reader-worker.js', import.meta.url),
        data: {
          paceMs: options.paceMs,
          busyPaceMs: options.busyPaceMs,
          busyEventsPerSecond: options.busyEventsPerSecond,
        },
        slots: options.ringSlots,
        slotBytes: EVENT_BYTES_MAX,
        batchMax: options.batchEventsMax,
        sliceMs: 0,
      },
      {
        socket: this.#socket,
        handlers: {
          onDatagrams: () => this.#onDatagrams(),
          onOverrun: (times) => {
            dependencies.metrics?.overruns.inc(times);
            dependencies.onOverrun(times);
          },
          onFailure: dependencies.onFailure,
        },
      },
    );
    this.#cursor = new ConntrackCursor(this.#reader.source, {
      onControl: (sequence) => this.#onBarrier(sequence),
      ...(dependencies.onExpectation ? { onExpectation: dependencies.onExpectation } : {}),
    });
  }

  /** Malformed messages skipped so far. */
  get malformed(): number {
    return this.#cursor.malformed;
  }

  /** Effective receive buffer in bytes. */
  get receiveBufferBytes(): number {
    return this.#socket.receiveBufferBytes();
  }

  /** Hands over, now, every event that the thread has received. */
  drain(): void {
    this.#reader.drain();
  }

  /**
   * Resolves when every event that the kernel had queued before this call has been handed over: a message goes through
   * the same queue. Compare a dump with events only behind it.
   *
   * @throws {ChannelClosedError} If the listener is stopped.
   */
  barrier(): Promise<void> {
    if (this.#stopped) return Promise.reject(new ChannelClosedError('event listener is stopped'));
    const sequence = this.#nextBarrier++;
    return new Promise((resolve) => {
      this.#barriers.set(sequence, resolve);
      const writer = new MessageWriter(0);
      writer.begin(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, sequence);
      writer.end();
      this.#socket.send(writer.bytes, writer.length);
    });
  }

  /** Ends the thread and closes the socket; waiting barriers resolve. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#reader.stop();
    for (const resolve of this.#barriers.values()) resolve();
    this.#barriers.clear();
  }

  #onDatagrams(): void {
    const cursor = this.#cursor;
    this.#dependencies.onBatch(cursor);
    while (cursor.next()) {
      // Whatever the owner left is skipped, so that barriers behind it are still seen.
    }
    this.#count();
    for (const resolve of this.#passed.splice(0)) resolve();
  }

  #onBarrier(sequence: number): void {
    const resolve = this.#barriers.get(sequence);
    if (resolve === undefined) return;
    this.#barriers.delete(sequence);
    this.#passed.push(resolve);
  }

  #count(): void {
    const { metrics } = this.#dependencies;
    const { shown, malformed } = this.#cursor;
    const fullWaits = this.#reader.fullWaits;
    if (metrics !== null) {
      metrics.events.inc(shown - this.#shown);
      if (malformed > this.#malformed) metrics.malformedMessages.inc(malformed - this.#malformed);
      if (fullWaits > this.#fullWaits) metrics.ringFullWaits.inc(fullWaits - this.#fullWaits);
    }
    this.#shown = shown;
    this.#malformed = malformed;
    this.#fullWaits = fullWaits;
  }
}
