import type { DatagramSource } from './datagram-source.ts';
import { addressOf } from './libc.ts';

/** Shape of a ring, as it is told to the worker. */
export interface DatagramRingShape {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
  readonly slotBytes: number;
}

/** Words of the control block. */
const RECEIVED = 0;
const RELEASED = 1;
const STOP = 2;
const READER_IDLE = 3;
const WRITER_WAITING = 4;
const OVERRUNS = 5;
const FULL_WAITS = 6;
const REQUESTS = 7;
const CONTROL_BYTES = 64;

/** struct mmsghdr and struct iovec of a 64-bit machine. */
const HEADER_BYTES = 64;
const VECTOR_BYTES = 16;
const HEADER_VECTOR = 16;
const HEADER_VECTOR_COUNT = 24;
const HEADER_FLAGS = 48;
const HEADER_LENGTH = 56;
const MSG_TRUNC = 0x20;

/**
 * Datagrams on their way from a receiving worker to the main loop: recvmmsg writes straight into the slots, the reader
 * looks at them in place. One writer, one reader. A full ring makes the writer wait, so that the socket's receive buffer
 * takes the load; nothing is overwritten.
 */
export class DatagramRing implements DatagramSource {
  readonly shape: DatagramRingShape;
  readonly view: DataView;
  /** The same bytes as `view`. */
  readonly words: Int32Array;
  offset = 0;
  end = 0;
  readonly #control: Int32Array;
  readonly #headers: DataView;
  readonly #slots: number;
  readonly #slotBytes: number;
  readonly #dataOffset: number;
  #headersAddress = 0;
  #cursor = 0;
  #limit = 0;

  constructor(shape: DatagramRingShape) {
    this.shape = shape;
    this.#slots = shape.slots;
    this.#slotBytes = shape.slotBytes;
    this.#dataOffset = CONTROL_BYTES + shape.slots * (HEADER_BYTES + VECTOR_BYTES);
    this.#control = new Int32Array(shape.memory, 0, CONTROL_BYTES / 4);
    this.#headers = new DataView(shape.memory, CONTROL_BYTES, shape.slots * HEADER_BYTES);
    this.view = new DataView(shape.memory, this.#dataOffset);
    this.words = new Int32Array(shape.memory, this.#dataOffset);
  }

  /** @param slots A power of two. @param slotBytes Longest datagram; a multiple of 8. */
  static allocate(slots: number, slotBytes: number): DatagramRing {
    const bytes = CONTROL_BYTES + slots * (HEADER_BYTES + VECTOR_BYTES + slotBytes);
    return new DatagramRing({ memory: new SharedArrayBuffer(bytes), slots, slotBytes });
  }

  // Writer's side.

  /** Fills in the addresses that recvmmsg needs. */
  prepareWriter(): void {
    const base = addressOf(new Uint8Array(this.shape.memory));
    this.#headersAddress = base + CONTROL_BYTES;
    const vectors = new DataView(
      this.shape.memory,
      CONTROL_BYTES + this.#slots * HEADER_BYTES,
      this.#slots * VECTOR_BYTES,
    );
    const vectorsAddress = this.#headersAddress + this.#slots * HEADER_BYTES;
    for (let slot = 0; slot < this.#slots; slot++) {
      const vector = slot * VECTOR_BYTES;
      const data = base + this.#dataOffset + slot * this.#slotBytes;
      vectors.setBigUint64(vector, BigInt(data), true);
      vectors.setBigUint64(vector + 8, BigInt(this.#slotBytes), true);
      const header = slot * HEADER_BYTES;
      this.#headers.setBigUint64(header + HEADER_VECTOR, BigInt(vectorsAddress + vector), true);
      this.#headers.setBigUint64(header + HEADER_VECTOR_COUNT, 1n, true);
    }
  }

  /** Address of the next free struct mmsghdr; `writableSlots` of them lie in a row. */
  writeAddress(): number {
    return this.#headersAddress + this.#slot(Atomics.load(this.#control, RECEIVED)) * HEADER_BYTES;
  }

  /** Free slots in a row; 0 when the reader is behind. */
  writableSlots(): number {
    const received = Atomics.load(this.#control, RECEIVED);
    const free = this.#slots - ((received - Atomics.load(this.#control, RELEASED)) | 0);
    return Math.min(free, this.#slots - this.#slot(received));
  }

  /** Shows received datagrams to the reader. @returns Whether the reader sleeps and has to be woken. */
  publish(count: number): boolean {
    Atomics.add(this.#control, RECEIVED, count);
    return Atomics.exchange(this.#control, READER_IDLE, 0) === 1;
  }

  /** Blocks until the reader has released slots, or for some milliseconds. */
  waitForRoom(timeoutMs: number): void {
    Atomics.add(this.#control, FULL_WAITS, 1);
    const released = Atomics.load(this.#control, RELEASED);
    Atomics.store(this.#control, WRITER_WAITING, 1);
    if (this.writableSlots() === 0) Atomics.wait(this.#control, RELEASED, released, timeoutMs);
    Atomics.store(this.#control, WRITER_WAITING, 0);
  }

  /** Counts an ENOBUFS. @returns Whether the reader has to be woken. */
  reportOverrun(): boolean {
    Atomics.add(this.#control, OVERRUNS, 1);
    return Atomics.exchange(this.#control, READER_IDLE, 0) === 1;
  }

  /** Sleeps for so many milliseconds, unless the ring is stopped. */
  pause(milliseconds: number): void {
    if (milliseconds > 0) Atomics.wait(this.#control, STOP, 0, milliseconds);
  }

  /** Blocks until another request was made than the `seen` one, or the ring was stopped. @returns Their number. */
  waitForRequest(seen: number): number {
    Atomics.wait(this.#control, REQUESTS, seen);
    return Atomics.load(this.#control, REQUESTS);
  }

  /** Start of a received datagram before it is published, as an offset into `view`. */
  receivedOffset(index: number): number {
    return this.#slot(Atomics.load(this.#control, RECEIVED) + index) * this.#slotBytes;
  }

  /** Length of a received datagram before it is published. */
  receivedLength(index: number): number {
    return this.#length(this.#slot(Atomics.load(this.#control, RECEIVED) + index));
  }

  // Reader's side.

  /** Opens at most `limit` received datagrams for reading. @returns How many. */
  open(limit: number): number {
    const released = Atomics.load(this.#control, RELEASED);
    const count = Math.min((Atomics.load(this.#control, RECEIVED) - released) | 0, limit);
    this.#cursor = released;
    this.#limit = (released + count) | 0;
    return count;
  }

  nextDatagram(): boolean {
    if (this.#cursor === this.#limit) return false;
    const slot = this.#slot(this.#cursor);
    this.#cursor = (this.#cursor + 1) | 0;
    this.offset = slot * this.#slotBytes;
    // A datagram that was cut off is one whose content is lost, as in an overrun.
    if (this.#isCut(slot)) Atomics.add(this.#control, OVERRUNS, 1);
    this.end = this.offset + this.#length(slot);
    return true;
  }

  /** Gives all opened datagrams back to the writer. */
  release(): void {
    Atomics.store(this.#control, RELEASED, this.#limit);
    if (Atomics.load(this.#control, WRITER_WAITING) === 1) Atomics.notify(this.#control, RELEASED);
  }

  /** Declares that the reader sleeps. @returns False if something came in meanwhile: then it must not. */
  sleep(): boolean {
    Atomics.store(this.#control, READER_IDLE, 1);
    if (Atomics.load(this.#control, RECEIVED) === Atomics.load(this.#control, RELEASED))
      return true;
    return Atomics.exchange(this.#control, READER_IDLE, 0) === 0;
  }

  /** ENOBUFS and cut-off datagrams so far. */
  overruns(): number {
    return Atomics.load(this.#control, OVERRUNS);
  }

  /** How often the writer waited for the reader so far. */
  fullWaits(): number {
    return Atomics.load(this.#control, FULL_WAITS);
  }

  /** Wakes a writer that waits for requests. */
  request(): void {
    Atomics.add(this.#control, REQUESTS, 1);
    Atomics.notify(this.#control, REQUESTS);
  }

  /** Ends every wait of the writer; `stopped` is true from now on. */
  stop(): void {
    Atomics.store(this.#control, STOP, 1);
    Atomics.notify(this.#control, STOP);
    Atomics.notify(this.#control, RELEASED);
    this.request();
  }

  get stopped(): boolean {
    return Atomics.load(this.#control, STOP) === 1;
  }

  #slot(position: number): number {
    return position & (this.#slots - 1);
  }

  #isCut(slot: number): boolean {
    return (this.#headers.getUint32(slot * HEADER_BYTES + HEADER_FLAGS, true) & MSG_TRUNC) !== 0;
  }

  #length(slot: number): number {
    if (this.#isCut(slot)) return 0;
    const length = this.#headers.getUint32(slot * HEADER_BYTES + HEADER_LENGTH, true);
    return Math.min(length, this.#slotBytes);
  }
}
