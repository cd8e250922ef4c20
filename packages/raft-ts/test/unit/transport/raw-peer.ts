import net from 'node:net';
import { encodeFrame, FrameReader, FrameType } from '../../../src/transport/frame.ts';
import { encodeHello, type Hello } from '../../../src/transport/handshake.ts';
import type { Member } from './pair.ts';

/** The body of a frame that a raw peer received. */
export interface RawFrame {
  readonly type: number;
  readonly body: Buffer;
}

export function helloFrame(change: Partial<Hello> = {}, type: FrameType = FrameType.hello): Buffer {
  const hello: Hello = {
    lane: 'control',
    clusterId: 'c',
    clusterGeneration: 0,
    from: 'x',
    to: 'b',
    incarnation: '5'.repeat(32),
    featureLevels: { min: 0, max: 1 },
    optionsDigest: '',
    address: '127.0.0.1:1',
    ...change,
  };
  return encodeFrame(type, encodeHello(hello));
}

/** A connection to a member that is driven by hand. */
export class RawPeer {
  readonly frames: RawFrame[] = [];
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  #onFrame: (() => void)[] = [];

  constructor(member: Member) {
    this.socket = net.connect(member.transport.port!, '127.0.0.1');
    const reader = new FrameReader(2 ** 24, (type, body) => {
      this.frames.push({ type, body: Buffer.from(body) });
      for (const resolve of this.#onFrame.splice(0)) resolve();
      return true;
    });
    this.socket.on('data', (chunk: Buffer) => reader.push(chunk));
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        resolve();
        for (const wake of this.#onFrame.splice(0)) wake();
      });
    });
  }

  /** The first frame of this type, now or later; undefined when the connection ends without one. */
  async frame(type: number): Promise<RawFrame | undefined> {
    for (;;) {
      const found = this.frames.find((frame) => frame.type === type);
      if (found !== undefined || this.socket.destroyed) return found;
      await new Promise<void>((resolve) => this.#onFrame.push(resolve));
    }
  }

  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.socket.write(frame);
  }
}

/** Says hello on a lane and waits for the welcome. */
export async function greeted(member: Member, lane: string): Promise<RawPeer> {
  const peer = new RawPeer(member);
  peer.send(helloFrame({ lane }));
  await peer.frame(FrameType.welcome);
  return peer;
}
