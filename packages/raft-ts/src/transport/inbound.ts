import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import type { SnapshotOffered } from '../ports.ts';
import { Connection } from './connection.ts';
import { helloTo, refusedBySelf, type TransportContext } from './context.ts';
import { ProtocolError } from './errors.ts';
import { FrameType } from './frame.ts';
import {
  decodeHello,
  encodeHello,
  encodeRefusal,
  type Hello,
  judgeHello,
  type Refusal,
} from './handshake.ts';
import { decodeMessage } from './message-codec.ts';
import { type SnapshotRefusal, snapshotFrameBytesMax } from './snapshot-codec.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';

/** What an accepted connection tells the transport. */
export interface InboundEvents {
  /** The handshake succeeded. */
  onAccepted(inbound: Inbound): void;
  onMessage(message: Message): void;
  /** Whether a snapshot can be taken now. */
  judgeOffer(inbound: Inbound): SnapshotRefusal | null;
  readonly onSnapshot: SnapshotOffered;
  onClose(inbound: Inbound): void;
}

type Stage = 'waiting' | 'judging' | 'ready' | 'refused';

/** A connection that a peer dialled: it says hello, and from then on only it sends messages, or a snapshot. */
export class Inbound {
  readonly #context: TransportContext;
  readonly #events: InboundEvents;
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #timer: NodeJS.Timeout;
  readonly remoteHost: string;
  #stage: Stage = 'waiting';
  #hello: Hello | null = null;
  /** On the snapshot lane, after the handshake. */
  #receiver: SnapshotReceiver | null = null;

  constructor(context: TransportContext, socket: Socket, events: InboundEvents) {
    this.#context = context;
    this.#events = events;
    this.#socket = socket;
    this.remoteHost = socket.remoteAddress ?? '';
    this.#connection = new Connection(
      socket,
      {
        onFrame: (type, body) => this.#onFrame(type, body),
        onClose: () => {
          clearTimeout(this.#timer);
          this.#receiver?.close();
          events.onClose(this);
        },
      },
      context.metrics,
    );
    this.#timer = setTimeout(() => this.destroy(), context.limits.connectTimeoutMs);
  }

  /** What the peer said of itself; null before the handshake succeeded. */
  get hello(): Hello | null {
    return this.#stage === 'ready' ? this.#hello : null;
  }

  /** Null before the handshake succeeded. */
  get peer(): NodeId | null {
    return this.hello?.from ?? null;
  }

  get lane(): string | null {
    return this.#hello?.lane ?? null;
  }

  get isReceivingSnapshot(): boolean {
    return this.#receiver?.isActive ?? false;
  }

  /** Where the peer says that it listens. */
  get advertised(): string | null {
    return this.#hello?.address ?? null;
  }

  /** Gives the connection up when the peer has been silent: it pings more often than that. */
  checkAlive(): void {
    if (this.#connection.isSilent(this.#context.limits.idleTimeoutMs)) this.destroy();
    else this.#receiver?.checkAlive();
  }

  destroy(): void {
    this.#connection.destroy();
  }

  #onFrame(type: number, body: Buffer): void {
    if (this.#receiver !== null) this.#receiver.onFrame(type, body);
    else if (this.#stage === 'ready' && type === FrameType.message) this.#onMessage(body);
    else if (this.#stage === 'waiting' && type === FrameType.hello)
      this.#onHello(decodeHello(body));
    else throw new ProtocolError(`frame type ${type} while ${this.#stage}`);
  }

  #onMessage(body: Buffer): void {
    const message = decodeMessage(body);
    if (message.from !== this.#hello?.from || message.to !== this.#context.identity.from) {
      throw new ProtocolError(`a message from ${message.from} to ${message.to}`);
    }
    this.#events.onMessage(message);
  }

  #onHello(hello: Hello): void {
    this.#hello = hello;
    this.#stage = 'judging';
    this.#judge(hello).then(
      (refusal) => this.#conclude(hello, refusal),
      (error: Error) => {
        this.#context.onError(error);
        this.destroy();
      },
    );
  }

  async #judge(hello: Hello): Promise<Refusal | null> {
    const { identity, credentials, registry } = this.#context;
    if (!credentials.speaksFor(this.#socket, hello.from)) {
      return { reason: 'certificate', detail: `the certificate is not for ${hello.from}` };
    }
    return judgeHello(identity, hello) ?? (await registry.check(hello.from, hello.incarnation));
  }

  #conclude(hello: Hello, refusal: Refusal | null): void {
    const { limits, metrics, refusals } = this.#context;
    if (this.#socket.destroyed) return;
    if (refusal !== null) {
      this.#stage = 'refused';
      metrics.refusalsTotal.inc();
      refusals.add('accepted', refusedBySelf(hello.from, refusal));
      this.#connection.writeFrame(FrameType.refusal, encodeRefusal(refusal));
      this.#connection.end();
      return;
    }
    clearTimeout(this.#timer);
    this.#stage = 'ready';
    if (hello.lane === 'snapshot') this.#receiver = this.#makeReceiver(hello.from);
    const frameBytesMax = this.#receiver === null ? limits.frameBytesMax : snapshotFrameBytesMax;
    this.#connection.open(frameBytesMax);
    const welcome = encodeHello(helloTo(this.#context, hello.from, hello.lane));
    this.#connection.writeFrame(FrameType.welcome, welcome);
    metrics.connectionsTotal.inc();
    refusals.clear('accepted', hello.from);
    this.#events.onAccepted(this);
  }

  #makeReceiver(peer: NodeId): SnapshotReceiver {
    return new SnapshotReceiver(this.#context, peer, this.#connection, {
      judgeOffer: () => this.#events.judgeOffer(this),
      onOffered: (message, answer) => this.#events.onSnapshot(message, answer),
    });
  }
}
