import { DatagramRing, type DatagramRingShape } from './datagram-ring.ts';
import type { DatagramSource } from './datagram-source.ts';
import type { NetlinkSocket } from './netlink-socket.ts';
import { type FailureHandler, WorkerThread } from './worker-thread.ts';

export interface DatagramReaderOptions {
  /** The thread's script. */
  readonly script: URL;
  /** What the script is told besides descriptor and ring. */
  readonly data: object;
  /** Datagrams in the ring; a power of two. */
  readonly slots: number;
  /** Longest datagram. */
  readonly slotBytes: number;
  /** Most datagrams of one batch. */
  readonly batchMax: number;
  /** Batches follow each other in one turn of the main loop as long as so many milliseconds have not passed. */
  readonly sliceMs: number;
}

/** What every reading thread is started with. */
export interface ReadingThreadData {
  readonly fd: number;
  readonly ring: DatagramRingShape;
}

export interface DatagramReaderHandlers {
  /** Reads the opened datagrams of `source`; they are gone when it returns. */
  readonly onDatagrams: () => void;
  /** The kernel dropped messages for want of room, or one did not fit into a slot. */
  readonly onOverrun: (times: number) => void;
  readonly onFailure: FailureHandler;
}

/**
 * Takes a socket's datagrams with a thread of its own and hands them to the main loop in batches: the loop is woken only
 * when it sleeps, and gives way to others after each slice.
 */
export class DatagramReader {
  readonly #socket: NetlinkSocket;
  readonly #ring: DatagramRing;
  readonly #options: DatagramReaderOptions;
  readonly #handlers: DatagramReaderHandlers;
  readonly #thread: WorkerThread;
  #overruns = 0;
  #scheduled = false;
  #reading = false;

  constructor(
    options: DatagramReaderOptions,
    dependencies: { socket: NetlinkSocket; handlers: DatagramReaderHandlers },
  ) {
    this.#options = options;
    this.#socket = dependencies.socket;
    this.#handlers = dependencies.handlers;
    this.#ring = DatagramRing.allocate(options.slots, options.slotBytes);
    this.#ring.sleep();
    const data: ReadingThreadData = {
      ...options.data,
      fd: this.#socket.fd,
      ring: this.#ring.shape,
    };
    const turn = (): void => this.#turn();
    this.#thread = new WorkerThread(options.script, data, turn, this.#handlers.onFailure);
  }

  /** The datagrams; readable inside `onDatagrams`. */
  get source(): DatagramSource {
    return this.#ring;
  }

  /** How often the thread waited for the main loop. */
  get fullWaits(): number {
    return this.#ring.fullWaits();
  }

  /** Hands over, now, everything that the thread has received; nothing when called from within a handler. */
  drain(): void {
    if (this.#reading) return;
    while (this.#batch()) {
      // The batches end when the ring is empty.
    }
  }

  /** Wakes a thread that waits for requests. */
  request(): void {
    this.#ring.request();
  }

  /** Ends the thread (within its receive timeout) and closes the socket. */
  async stop(): Promise<void> {
    this.#ring.stop();
    await this.#thread.ended();
    this.#socket.close();
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#ring.stopped) return;
    try {
      const begin = performance.now();
      while (this.#batch()) {
        if (performance.now() - begin >= this.#options.sliceMs) break;
      }
    } finally {
      this.#sleepOrGoOn();
    }
  }

  #sleepOrGoOn(): void {
    if (this.#ring.sleep()) {
      this.#reportOverruns();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#turn());
    }
  }

  #batch(): boolean {
    this.#reportOverruns();
    const count = this.#ring.open(this.#options.batchMax);
    if (count === 0) return false;
    this.#reading = true;
    try {
      this.#handlers.onDatagrams();
    } finally {
      this.#reading = false;
      this.#ring.release();
    }
    return true;
  }

  #reportOverruns(): void {
    const total = this.#ring.overruns();
    const times = (total - this.#overruns) | 0;
    if (times === 0) return;
    this.#overruns = total;
    this.#handlers.onOverrun(times);
  }
}
