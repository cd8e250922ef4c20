/** Shape of a command queue, as it is told to the worker. */
export interface CommandQueueShape {
  readonly memory: SharedArrayBuffer;
  /** Places; a power of two. */
  readonly places: number;
  /** Most messages of one batch. */
  readonly messagesMax: number;
}

/** Words of the control block. */
const SUBMITTED = 0;
const COMPLETED = 1;
const STOP = 2;
const OWNER_IDLE = 3;
const DOORBELL = 4;
const CONTROL_BYTES = 64;

/** Words at the head of a place. */
const REQUEST_LENGTH = 0;
const COUNT = 1;
const FIRST_SEQUENCE = 2;
const REPLY_LENGTH = 3;
const HEAD_WORDS = 4;

/** A message to the kernel or an answer from it, on average; both are at most about 700 bytes. */
const MESSAGE_BYTES = 768;

/** Errno word of a message without an answer. */
export const UNANSWERED = -1;

/**
 * Batches on their way from the main loop to the command worker and back, in shared memory: the owner fills places, the
 * worker completes them in order, and each place holds one batch with its answers.
 */
export class CommandQueue {
  readonly shape: CommandQueueShape;
  /** Most bytes of one batch; also of its answers. */
  readonly bytesMax: number;
  readonly #control: Int32Array;
  readonly #placeBytes: number;

  constructor(shape: CommandQueueShape) {
    this.shape = shape;
    this.bytesMax = shape.messagesMax * MESSAGE_BYTES;
    this.#placeBytes = placeBytes(shape.messagesMax);
    this.#control = new Int32Array(shape.memory, 0, CONTROL_BYTES / 4);
  }

  static allocate(places: number, messagesMax: number): CommandQueue {
    const bytes = CONTROL_BYTES + places * placeBytes(messagesMax);
    return new CommandQueue({ memory: new SharedArrayBuffer(bytes), places, messagesMax });
  }

  /** The place of a running number. */
  place(position: number): CommandPlace {
    const at = CONTROL_BYTES + (position & (this.shape.places - 1)) * this.#placeBytes;
    return new CommandPlace(this.shape, at, this.bytesMax);
  }

  submitted(): number {
    return Atomics.load(this.#control, SUBMITTED);
  }

  completed(): number {
    return Atomics.load(this.#control, COMPLETED);
  }

  /** Hands the next place to the worker. */
  submit(): void {
    Atomics.add(this.#control, SUBMITTED, 1);
    this.#ring();
  }

  /** Declares that the owner sleeps. @returns False if places were completed beyond `seen`: then it must not. */
  sleep(seen: number): boolean {
    Atomics.store(this.#control, OWNER_IDLE, 1);
    if (this.completed() === seen) return true;
    return Atomics.exchange(this.#control, OWNER_IDLE, 0) === 0;
  }

  /** Blocks until there are submitted places beyond `done`. @returns False when the queue is stopped and empty. */
  waitForWork(done: number): boolean {
    for (;;) {
      const rung = Atomics.load(this.#control, DOORBELL);
      if (this.submitted() !== done) return true;
      if (Atomics.load(this.#control, STOP) === 1) return false;
      Atomics.wait(this.#control, DOORBELL, rung);
    }
  }

  /** Hands the next place back. @returns Whether the owner sleeps and has to be woken. */
  complete(): boolean {
    Atomics.add(this.#control, COMPLETED, 1);
    return Atomics.exchange(this.#control, OWNER_IDLE, 0) === 1;
  }

  /** The worker ends when it has completed what was submitted. */
  stop(): void {
    Atomics.store(this.#control, STOP, 1);
    this.#ring();
  }

  #ring(): void {
    Atomics.add(this.#control, DOORBELL, 1);
    Atomics.notify(this.#control, DOORBELL);
  }
}

/** One batch and its answers. */
export class CommandPlace {
  /** One errno a message; 0 done, `UNANSWERED` until the batch is complete. */
  readonly errnos: Int32Array;
  readonly request: Uint8Array;
  /** Entries that answer gets, message behind message. */
  readonly reply: Uint8Array;
  readonly #head: Int32Array;
  readonly #replyWords: Int32Array;

  constructor(shape: CommandQueueShape, at: number, bytesMax: number) {
    const { memory, messagesMax } = shape;
    this.#head = new Int32Array(memory, at, HEAD_WORDS);
    const errnos = at + HEAD_WORDS * 4;
    this.errnos = new Int32Array(memory, errnos, messagesMax);
    const request = errnos + messagesMax * 4;
    this.request = new Uint8Array(memory, request, bytesMax);
    this.reply = new Uint8Array(memory, request + bytesMax, bytesMax);
    this.#replyWords = new Int32Array(memory, request + bytesMax, bytesMax / 4);
  }

  get requestLength(): number {
    return this.#head[REQUEST_LENGTH] ?? 0;
  }

  get count(): number {
    return this.#head[COUNT] ?? 0;
  }

  get firstSequence(): number {
    return (this.#head[FIRST_SEQUENCE] ?? 0) >>> 0;
  }

  get replyLength(): number {
    return this.#head[REPLY_LENGTH] ?? 0;
  }

  /** Puts a batch in. */
  fill(bytes: Uint8Array, length: number, count: number, firstSequence: number): void {
    this.request.set(bytes.subarray(0, length));
    this.#head[REQUEST_LENGTH] = length;
    this.#head[COUNT] = count;
    this.#head[FIRST_SEQUENCE] = firstSequence | 0;
    this.#head[REPLY_LENGTH] = 0;
    this.errnos.fill(UNANSWERED, 0, count);
  }

  /** Appends an answer that begins at byte `at` of `words`. @returns False if there is no room for it. */
  append(words: Int32Array, at: number, length: number): boolean {
    const to = this.replyLength;
    const padded = (length + 3) & ~3;
    if (to + padded > this.reply.length) return false;
    // Word by word: a view for each answer would cost more than all else here.
    for (let byte = 0; byte < padded; byte += 4) {
      this.#replyWords[(to + byte) >>> 2] = words[(at + byte) >>> 2] ?? 0;
    }
    this.#head[REPLY_LENGTH] = to + padded;
    return true;
  }
}

function placeBytes(messagesMax: number): number {
  return (HEAD_WORDS + messagesMax) * 4 + 2 * messagesMax * MESSAGE_BYTES;
}
