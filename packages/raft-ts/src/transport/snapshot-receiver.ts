import type { Buffer } from 'node:buffer';
import type { NodeId } from '../core/types.ts';
import type { SnapshotOffered, SnapshotWriter } from '../ports.ts';
import type { Connection } from './connection.ts';
import type { TransportContext } from './context.ts';
import { ProtocolError } from './errors.ts';
import { FrameType } from './frame.ts';
import {
  decodeChunk,
  decodeOffer,
  encodeProgress,
  encodeSnapshotRefusal,
  type SnapshotRefusal,
  snapshotWindowBytes,
} from './snapshot-codec.ts';

/** What a receiver needs of the transport. */
export interface SnapshotReceiverEvents {
  /** Whether another snapshot can be taken now. */
  judgeOffer(): SnapshotRefusal | null;
  readonly onOffered: SnapshotOffered;
}

type Stage =
  /** For the offer. */
  | 'waiting'
  /** Whoever keeps the snapshots. */
  | 'asking'
  | 'receiving'
  | 'finishing'
  | 'ended';

/**
 * Takes one snapshot from a connection of the snapshot lane. Memory has a limit: what has arrived and is not written yet
 * never exceeds the window, and a sender that goes beyond it is cut off.
 */
export class SnapshotReceiver {
  readonly #context: TransportContext;
  readonly #peer: NodeId;
  readonly #connection: Connection;
  readonly #events: SnapshotReceiverEvents;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #stage: Stage = 'waiting';
  #writer: SnapshotWriter | null = null;
  #isWriting = false;
  /** End of what has arrived. */
  #offset = 0;
  #movedMs = performance.now();

  constructor(
    context: TransportContext,
    peer: NodeId,
    connection: Connection,
    events: SnapshotReceiverEvents,
  ) {
    this.#context = context;
    this.#peer = peer;
    this.#connection = connection;
    this.#events = events;
  }

  /** An offer has come, and it is not over. */
  get isActive(): boolean {
    return this.#stage !== 'waiting' && this.#stage !== 'ended';
  }

  /** @throws {ProtocolError} If a frame is not what has to come now. */
  onFrame(type: number, body: Buffer): void {
    if (this.#stage === 'ended') return;
    if (this.#stage === 'waiting' && type === FrameType.snapshotOffer) this.#onOffer(body);
    else if (this.#stage === 'receiving' && type === FrameType.snapshotChunk) this.#onChunk(body);
    else throw new ProtocolError(`frame type ${type} while ${this.#stage} a snapshot`);
  }

  /** Hangs up when nothing has moved for too long, so that the place is free for another sender. */
  checkAlive(): void {
    if (performance.now() - this.#movedMs <= this.#context.limits.snapshotTimeoutMs) return;
    this.close();
    this.#connection.destroy();
  }

  /** The connection is lost. What was written stays for the next attempt. */
  close(): void {
    this.#stage = 'ended';
    this.#queue.length = 0;
    this.#writer?.close();
    this.#writer = null;
  }

  #onOffer(body: Buffer): void {
    const message = decodeOffer(body);
    if (message.from !== this.#peer || message.to !== this.#context.identity.from) {
      throw new ProtocolError(`a snapshot from ${message.from} to ${message.to}`);
    }
    const refusal = this.#events.judgeOffer();
    this.#stage = 'asking';
    if (refusal !== null) this.#refuse(refusal);
    else this.#events.onOffered(message, (result) => this.#onAnswer(result));
  }

  #onAnswer(result: SnapshotWriter | null | Error): void {
    if (this.#stage !== 'asking') {
      if (result !== null && !(result instanceof Error)) result.close();
    } else if (result === null) this.#conclude();
    else if (result instanceof Error) this.#refuse({ reason: 'refused', detail: result.message });
    else {
      this.#writer = result;
      this.#stage = 'receiving';
      this.#offset = result.offset;
      this.#onWritten(result);
    }
  }

  #onChunk(body: Buffer): void {
    const { offset, data } = decodeChunk(body);
    const { bytes } = this.#writer!.meta;
    if (offset !== this.#offset || offset + data.length > bytes) {
      throw new ProtocolError(`a chunk at ${offset} of ${bytes} instead of ${this.#offset}`);
    }
    if (this.#queuedBytes + data.length > snapshotWindowBytes) {
      throw new ProtocolError('more of a snapshot than was asked for');
    }
    this.#movedMs = performance.now();
    this.#offset += data.length;
    this.#queue.push(data);
    this.#queuedBytes += data.length;
    this.#context.metrics.snapshotReceivedBytesTotal.inc(data.length);
    this.#writeNext(this.#writer!);
  }

  #writeNext(writer: SnapshotWriter): void {
    const data = this.#queue[0];
    if (this.#isWriting || data === undefined) return;
    this.#isWriting = true;
    writer.write(data, (error) => {
      this.#isWriting = false;
      if (this.#stage !== 'receiving') return;
      if (error !== null) {
        this.#refuse({ reason: 'failed', detail: error.message });
        return;
      }
      this.#queue.shift();
      this.#queuedBytes -= data.length;
      this.#onWritten(writer);
    });
  }

  #onWritten(writer: SnapshotWriter): void {
    this.#movedMs = performance.now();
    this.#connection.writeFrame(FrameType.snapshotProgress, encodeProgress(writer.offset));
    if (writer.offset < writer.meta.bytes) this.#writeNext(writer);
    else this.#finish(writer);
  }

  #finish(writer: SnapshotWriter): void {
    this.#stage = 'finishing';
    writer.finish((error) => {
      if (this.#stage !== 'finishing') return;
      if (error !== null) this.#refuse({ reason: 'failed', detail: error.message });
      else {
        this.#context.metrics.snapshotsReceivedTotal.inc();
        this.#conclude();
      }
    });
  }

  #refuse(refusal: SnapshotRefusal): void {
    this.#context.metrics.snapshotsRefusedTotal.inc();
    this.#connection.writeFrame(FrameType.snapshotRefusal, encodeSnapshotRefusal(refusal));
    this.close();
    this.#connection.end();
  }

  #conclude(): void {
    this.#connection.writeFrame(FrameType.snapshotDone);
    this.close();
    this.#connection.end();
  }
}
