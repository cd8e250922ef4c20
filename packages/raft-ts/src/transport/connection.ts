import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { ProtocolError } from './errors.ts';
import { encodeFrame, FrameReader, FrameType } from './frame.ts';
import { handshakeBytesMax } from './handshake.ts';
import type { TransportMetrics } from './metrics.ts';

/** What a connection tells its owner. */
export interface ConnectionEvents {
  /** A whole frame, but for pings and pongs. @throws {ProtocolError} To have the connection closed. */
  onFrame(type: number, body: Buffer): void;
  /** Comes once, whoever closed it. */
  onClose(error: Error | null): void;
}

/** One socket that carries frames: cuts them, joins writes, notices silence, closes on the first bad byte. */
export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #metrics: TransportMetrics;
  readonly #reader: FrameReader;
  #heardMs = performance.now();
  #isCorked = false;
  #error: Error | null = null;

  constructor(socket: Socket, events: ConnectionEvents, metrics: TransportMetrics) {
    this.#socket = socket;
    this.#events = events;
    this.#metrics = metrics;
    this.#reader = new FrameReader(handshakeBytesMax, (type, body) => this.#take(type, body));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    // The peer has ended its side: nothing that is sent would be answered.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => events.onClose(this.#error));
  }

  /** Bytes that wait in this process. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  /** The handshake is over: longer frames are allowed. */
  open(frameBytesMax: number): void {
    this.#reader.frameBytesMax = frameBytesMax;
  }

  /** What is written in one turn of the loop leaves together. */
  write(parts: readonly Uint8Array[], bytes: number): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        socket.uncork();
      });
    }
    for (const part of parts) socket.write(part);
    this.#metrics.sentFramesTotal.inc();
    this.#metrics.sentBytesTotal.inc(bytes);
  }

  writeFrame(type: FrameType, body?: Uint8Array): void {
    const frame = encodeFrame(type, body);
    this.write([frame], frame.length);
  }

  isSilent(idleTimeoutMs: number): boolean {
    return performance.now() - this.#heardMs > idleTimeoutMs;
  }

  /** Closes at once; what waits is lost. */
  destroy(error?: Error): void {
    this.#error ??= error ?? null;
    this.#socket.destroy();
  }

  /** Closes after what was written has left. */
  end(): void {
    this.#socket.end(() => this.#socket.destroy());
  }

  #read(chunk: Buffer): void {
    this.#heardMs = performance.now();
    this.#metrics.receivedBytesTotal.inc(chunk.length);
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#metrics.badFramesTotal.inc();
      this.destroy(error);
    }
  }

  #take(type: number, body: Buffer): boolean {
    if (this.#socket.destroyed) return false;
    this.#metrics.receivedFramesTotal.inc();
    if (type === FrameType.ping) this.writeFrame(FrameType.pong);
    else if (type !== FrameType.pong) this.#events.onFrame(type, body);
    return !this.#socket.destroyed;
  }
}
