import type { SnapshotMessage } from '../core/message.ts';
import type { Done, SnapshotOffered, SnapshotReader, SnapshotWriter } from '../ports.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';

/** One snapshot from one member to another. */
export interface SnapshotTransfer {
  readonly message: SnapshotMessage;
  readonly reader: SnapshotReader;
  readonly signal: AbortSignal;
  readonly done: Done;
  readonly offered: SnapshotOffered;
}

export interface SnapshotLinkDependencies {
  readonly clock: SimClock;
  readonly random: Random;
  /** How long the next piece takes. */
  readonly delayMs: () => number;
  /** Both ends are still there, and nothing is cut. */
  readonly isOpen: () => boolean;
  /** Chance that the connection breaks with a piece. */
  readonly breakRate: number;
}

/** Small, so that there are several pieces. */
const pieceBytes = 64;
/** A break is noticed after this. */
const noticeMs = 100;

/** The connection of a snapshot: piece by piece, each answered before the next one leaves; may break at any of them. */
export class SimSnapshotLink {
  readonly #transfer: SnapshotTransfer;
  readonly #parts: SnapshotLinkDependencies;
  #writer: SnapshotWriter | null = null;
  #isEnded = false;

  constructor(transfer: SnapshotTransfer, parts: SnapshotLinkDependencies) {
    this.#transfer = transfer;
    this.#parts = parts;
  }

  start(): void {
    const { message, signal, offered } = this.#transfer;
    signal.addEventListener('abort', () => this.#end(new Error('given up')));
    this.#later(() => offered(message, (result) => this.#onAnswer(result)));
    this.#watch();
  }

  /** An end that is gone never answers. */
  #watch(): void {
    const { clock, isOpen } = this.#parts;
    clock.setTimer(noticeMs, () => {
      if (this.#isEnded) return;
      if (isOpen()) this.#watch();
      else this.#break();
    });
  }

  #onAnswer(result: SnapshotWriter | null | Error): void {
    if (result === null) this.#later(() => this.#end(null));
    else if (result instanceof Error) this.#later(() => this.#end(result));
    else if (this.#isEnded) result.close();
    else {
      this.#writer = result;
      this.#next(result);
    }
  }

  #next(writer: SnapshotWriter): void {
    const { reader } = this.#transfer;
    if (writer.offset >= reader.meta.bytes) {
      writer.finish((error) => this.#later(() => this.#end(error)));
      return;
    }
    reader.read(writer.offset, pieceBytes, (piece) => {
      if (piece instanceof Error) this.#end(piece);
      else this.#later(() => this.#write(writer, piece));
    });
  }

  #write(writer: SnapshotWriter, piece: Uint8Array): void {
    writer.write(piece, (error) => {
      if (error === null) this.#later(() => this.#next(writer));
      else this.#end(error);
    });
  }

  #later(action: () => void): void {
    const { clock, random, delayMs, isOpen, breakRate } = this.#parts;
    const isBroken = breakRate > 0 && random.chance(breakRate);
    clock.setTimer(delayMs(), () => {
      if (this.#isEnded) return;
      // The stores go on in promises, which have to run before time does.
      clock.needTurn();
      if (isBroken || !isOpen()) this.#break();
      else action();
    });
  }

  #break(): void {
    this.#isEnded = true;
    this.#parts.clock.setTimer(noticeMs, () => {
      this.#writer?.close();
      this.#transfer.done(new Error('the connection broke'));
    });
  }

  #end(error: Error | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#writer?.close();
    this.#transfer.done(error);
  }
}
