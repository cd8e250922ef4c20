import { Buffer } from 'node:buffer';
import { ProtocolError } from './errors.ts';

/** First version of the wire protocol; every frame carries it. */
const protocolVersion = 1;

/** What a frame holds. The numbers are never reused. */
export const FrameType = {
  hello: 1,
  welcome: 2,
  refusal: 3,
  message: 4,
  ping: 5,
  pong: 6,
  /** Of the snapshot lane, as all that follow. */
  snapshotOffer: 7,
  /** The receiver has so much. */
  snapshotProgress: 8,
  snapshotChunk: 9,
  snapshotDone: 10,
  snapshotRefusal: 11,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Bytes before a frame's body: length (big endian, of what follows it), version, type. */
export const frameHeaderBytes = 6;
const lengthBytes = 4;
const lengthMin = frameHeaderBytes - lengthBytes;

/** Writes the header of a frame whose body has this many bytes. */
export function writeFrameHeader(target: Buffer, type: FrameType, bodyBytes: number): void {
  target.writeUInt32BE(lengthMin + bodyBytes, 0);
  target[4] = protocolVersion;
  target[5] = type;
}

export function encodeFrame(type: FrameType, body: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + body.length);
  writeFrameHeader(frame, type, body.length);
  frame.set(body, frameHeaderBytes);
  return frame;
}

/** Called for each whole frame; false ends the reading. */
export type OnFrame = (type: number, body: Buffer) => boolean;

/**
 * Cuts a stream into frames. Memory follows what has arrived, never what a length announces, and an announced length
 * above the limit is refused before anything else is read.
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #parts: Buffer[] = [];
  #bytes = 0;
  #needed = lengthBytes;
  /** Longest frame, changed when the handshake is over. */
  frameBytesMax: number;

  constructor(frameBytesMax: number, onFrame: OnFrame) {
    this.frameBytesMax = frameBytesMax;
    this.#onFrame = onFrame;
  }

  /** @throws {ProtocolError} If a frame is too long, too short or of another version. */
  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const data = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    const rest = this.#cut(data);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }

  #cut(data: Buffer): Buffer {
    let position = 0;
    this.#needed = lengthBytes;
    while (data.length - position >= lengthBytes) {
      const end = position + lengthBytes + this.#length(data, position);
      if (end > data.length) {
        this.#needed = end - position;
        break;
      }
      const [version, type] = [data[position + 4], data[position + 5]!];
      if (version !== protocolVersion) throw new ProtocolError(`version ${version}`);
      const isWanted = this.#onFrame(type, data.subarray(position + frameHeaderBytes, end));
      if (!isWanted) return Buffer.alloc(0);
      position = end;
    }
    return data.subarray(position);
  }

  #length(data: Buffer, position: number): number {
    const length = data.readUInt32BE(position);
    if (length >= lengthMin && lengthBytes + length <= this.frameBytesMax) return length;
    throw new ProtocolError(`length ${length}, allowed ${lengthMin} to ${this.frameBytesMax}`);
  }
}
