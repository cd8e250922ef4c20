import type { Buffer } from 'node:buffer';
import type { SnapshotMessage } from '../core/message.ts';
import type { SnapshotReader } from '../ports.ts';
import type { Address } from './address.ts';
import type { TransportContext } from './context.ts';
import { ProtocolError, SnapshotNotSentError } from './errors.ts';
import { FrameType } from './frame.ts';
import { Outbound } from './outbound.ts';
import {
  decodeProgress,
  decodeSnapshotRefusal,
  encodeChunk,
  snapshotChunkBytesMax,
  snapshotFrameBytesMax,
  snapshotWindowBytes,
} from './snapshot-codec.ts';

/** What is sent. */
export interface Shipment {
  readonly message: SnapshotMessage;
  /** The message as the body of a frame. */
  readonly offer: Buffer;
  readonly reader: SnapshotReader;
}

/** What an attempt tells the sender. */
export interface AttemptEvents {
  /** The receiver has written so much. */
  onProgress(offset: number): void;
  /** Comes once: null when the receiver has all of it, or does not need it. */
  onEnd(error: Error | null): void;
}

const chunksPerSecondMin = 4;

/** Content of one chunk: a slow rate makes smaller ones, so that something moves all the time. */
export function snapshotChunkBytes(bytesPerSecondMax: number): number {
  const bytes = Math.ceil(bytesPerSecondMax / chunksPerSecondMin);
  return Math.min(snapshotChunkBytesMax, bytes);
}

/** One connection on which a snapshot is sent, from where the receiver says. */
export class SnapshotAttempt {
  readonly #context: TransportContext;
  readonly #shipment: Shipment;
  readonly #events: AttemptEvents;
  readonly #outbound: Outbound;
  readonly #chunkBytes: number;
  /** What the receiver has; null before it has said so. */
  #written: number | null = null;
  #sent = 0;
  #isLoading = false;
  #isEnded = false;
  #pause: NodeJS.Timeout | null = null;

  constructor(
    context: TransportContext,
    address: Address,
    shipment: Shipment,
    events: AttemptEvents,
  ) {
    this.#context = context;
    this.#shipment = shipment;
    this.#events = events;
    this.#chunkBytes = snapshotChunkBytes(context.limits.snapshotBytesPerSecondMax);
    const { message } = shipment;
    const destination = {
      peer: message.to,
      address,
      lane: 'snapshot',
      frameBytesMax: snapshotFrameBytesMax,
    } as const;
    this.#outbound = new Outbound(context, destination, {
      onReady: () => this.#outbound.writeFrame(FrameType.snapshotOffer, shipment.offer),
      onFrame: (type, body) => this.#onFrame(type, body),
      onClose: (error) => this.#end(error ?? new Error('the connection was closed')),
    });
  }

  checkAlive(): void {
    this.#outbound.checkAlive();
  }

  /** Ends it without a word to the owner. */
  abort(): void {
    this.#stop();
  }

  #onFrame(type: number, body: Buffer): void {
    if (type === FrameType.snapshotProgress) this.#onProgress(decodeProgress(body));
    else if (type === FrameType.snapshotDone) this.#end(null);
    else if (type === FrameType.snapshotRefusal) {
      const { reason, detail } = decodeSnapshotRefusal(body);
      this.#end(new SnapshotNotSentError(this.#shipment.message.to, reason, detail));
    } else throw new ProtocolError(`frame type ${type} from the receiver of a snapshot`);
  }

  #onProgress(offset: number): void {
    const [from, to] =
      this.#written === null ? [0, this.#shipment.message.meta.bytes] : [this.#written, this.#sent];
    if (offset < from || offset > to) throw new ProtocolError(`${offset} bytes received`);
    if (this.#written === null) this.#sent = offset;
    this.#written = offset;
    this.#events.onProgress(offset);
    this.#sendNext();
  }

  #sendNext(): void {
    if (this.#isLoading || this.#isEnded || this.#written === null) return;
    const rest = this.#shipment.message.meta.bytes - this.#sent;
    const window = snapshotWindowBytes - (this.#sent - this.#written);
    const bytes = Math.min(this.#chunkBytes, rest);
    if (bytes === 0 || bytes > window) return;
    this.#isLoading = true;
    const delayMs = this.#context.snapshotBucket.take(bytes);
    if (delayMs === 0) this.#load(bytes);
    else this.#pause = setTimeout(() => this.#load(bytes), delayMs);
  }

  #load(bytes: number): void {
    this.#shipment.reader.read(this.#sent, bytes, (result) => {
      this.#isLoading = false;
      if (this.#isEnded) return;
      if (result instanceof Error || result.length !== bytes) this.#endUnreadable(result);
      else this.#send(result);
    });
  }

  #send(data: Uint8Array): void {
    const parts = encodeChunk(this.#sent, data);
    this.#outbound.write(parts, parts[0]!.length + data.length);
    this.#sent += data.length;
    this.#context.metrics.snapshotSentBytesTotal.inc(data.length);
    this.#sendNext();
  }

  #endUnreadable(result: Error | Uint8Array): void {
    const cause = result instanceof Error ? result : null;
    const detail = cause?.message ?? `it ends too early, behind ${this.#sent} bytes`;
    this.#end(new SnapshotNotSentError(this.#shipment.message.to, 'unreadable', detail, cause));
  }

  #end(error: Error | null): void {
    if (this.#isEnded) return;
    this.#stop();
    this.#events.onEnd(error);
  }

  #stop(): void {
    this.#isEnded = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#outbound.destroy();
  }
}
