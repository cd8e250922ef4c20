import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
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
  type LaneName,
  type Refusal,
} from './handshake.ts';
import { decodeMessage } from './message-codec.ts';

/** What an accepted connection tells the transport. */
export interface InboundEvents {
  /** The handshake succeeded. */
  onAccepted(inbound: Inbound): void;
  onMessage(message: Message): void;
  onClose(inbound: Inbound): void;
}

type Stage = 'waiting' | 'judging' | 'ready' | 'refused';

/** A connection that a peer dialled: it says hello, and from then on only it sends messages. */
export class Inbound {
  readonly #context: TransportContext;
  readonly #events: InboundEvents;
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #timer: NodeJS.Timeout;
  readonly remoteHost: string;
  #stage: Stage = 'waiting';
  #hello: Hello | null = null;

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

  get lane(): LaneName | null {
    return this.#hello?.lane ?? null;
  }

  /** Where the peer says that it listens. */
  get advertised(): string | null {
    return this.#hello?.address ?? null;
  }

  /** Gives the connection up when the peer has been silent: it pings more often than that. */
  checkAlive(): void {
    if (this.#connection.isSilent(this.#context.limits.idleTimeoutMs)) this.destroy();
  }

  destroy(): void {
    this.#connection.destroy();
  }

  #onFrame(type: number, body: Buffer): void {
    if (this.#stage === 'ready' && type === FrameType.message) this.#onMessage(body);
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
    this.#connection.open(limits.frameBytesMax);
    const welcome = encodeHello(helloTo(this.#context, hello.from, hello.lane));
    this.#connection.writeFrame(FrameType.welcome, welcome);
    metrics.connectionsTotal.inc();
    refusals.clear('accepted', hello.from);
    this.#events.onAccepted(this);
  }
}
