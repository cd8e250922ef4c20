import type { Buffer } from 'node:buffer';
import type { NodeId } from '../core/types.ts';
import type { Address } from './address.ts';
import { Connection } from './connection.ts';
import { helloTo, refusedBySelf, type TransportContext } from './context.ts';
import { PeerRefusedError, ProtocolError } from './errors.ts';
import { FrameType } from './frame.ts';
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  type Hello,
  judgeHello,
  type LaneName,
  type Refusal,
} from './handshake.ts';

/** What a dialled connection tells its owner. */
export interface OutboundEvents {
  /** The handshake succeeded. */
  onReady(hello: Hello): void;
  /** A frame of the accepting end after the handshake. @throws {ProtocolError} To have the connection closed. */
  onFrame(type: number, body: Buffer): void;
  /** Comes once, whoever closed it; with the refusal when one of the two refused the other. */
  onClose(error: Error | null): void;
}

/** Where an outbound connection leads and what for. */
export interface Destination {
  readonly peer: NodeId;
  readonly address: Address;
  readonly lane: LaneName;
  /** Longest frame after the handshake. */
  readonly frameBytesMax: number;
}

/** A connection that this member dials: it says hello, checks who answers, and then belongs to its owner. */
export class Outbound {
  readonly #context: TransportContext;
  readonly #destination: Destination;
  readonly #events: OutboundEvents;
  readonly #connection: Connection;
  readonly #timer: NodeJS.Timeout;
  #isReady = false;
  #isClosed = false;

  constructor(context: TransportContext, destination: Destination, events: OutboundEvents) {
    this.#context = context;
    this.#destination = destination;
    this.#events = events;
    const { peer, address, lane } = destination;
    const socket = context.credentials.dial(address, peer, () => {
      this.#connection.writeFrame(FrameType.hello, encodeHello(helloTo(context, peer, lane)));
    });
    this.#connection = new Connection(
      socket,
      {
        onFrame: (type, body) => this.#onFrame(type, body),
        onClose: (error) => this.#onClose(error),
      },
      context.metrics,
    );
    this.#timer = setTimeout(() => this.destroy(), context.limits.connectTimeoutMs);
  }

  /** The handshake succeeded and the peer was heard since. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Bytes that wait in this process. */
  get waitingBytes(): number {
    return this.#connection.waitingBytes;
  }

  write(parts: readonly Uint8Array[], bytes: number): void {
    this.#connection.write(parts, bytes);
  }

  writeFrame(type: FrameType, body?: Uint8Array): void {
    this.#connection.writeFrame(type, body);
  }

  /** Pings the peer, or gives the connection up when it has been silent for too long. */
  checkAlive(): void {
    if (!this.#isReady) return;
    if (this.#connection.isSilent(this.#context.limits.idleTimeoutMs)) this.destroy();
    else this.#connection.writeFrame(FrameType.ping);
  }

  destroy(error?: Error): void {
    this.#connection.destroy(error);
  }

  #onFrame(type: number, body: Buffer): void {
    if (this.#isReady) this.#events.onFrame(type, body);
    else if (type === FrameType.welcome) {
      this.#admit(decodeHello(body)).catch((error: Error) => {
        this.#context.onError(error);
        this.destroy(error);
      });
    } else if (type === FrameType.refusal) {
      const { reason, detail } = decodeRefusal(body);
      this.#refuse(new PeerRefusedError(this.#destination.peer, 'peer', reason, detail));
    } else throw new ProtocolError(`frame type ${type} instead of a welcome`);
  }

  async #admit(hello: Hello): Promise<void> {
    const { identity, registry, metrics, refusals } = this.#context;
    const { peer, frameBytesMax } = this.#destination;
    const wrongPeer: Refusal | null =
      hello.from === peer
        ? null
        : { reason: 'wrong-peer', detail: `${hello.from} answers for ${peer}` };
    const refusal =
      wrongPeer ?? judgeHello(identity, hello) ?? (await registry.check(peer, hello.incarnation));
    if (this.#isClosed) return;
    if (refusal !== null) {
      this.#refuse(refusedBySelf(peer, refusal));
      return;
    }
    clearTimeout(this.#timer);
    this.#connection.open(frameBytesMax);
    this.#isReady = true;
    metrics.connectionsTotal.inc();
    refusals.clear('dialled', peer);
    this.#events.onReady(hello);
  }

  #refuse(refusal: PeerRefusedError): void {
    this.#context.metrics.refusalsTotal.inc();
    this.#context.refusals.add('dialled', refusal);
    this.destroy(refusal);
  }

  #onClose(error: Error | null): void {
    this.#isClosed = true;
    this.#isReady = false;
    clearTimeout(this.#timer);
    if (error === null || !isCertificateError(error)) {
      this.#events.onClose(error);
      return;
    }
    const refusal = { reason: 'certificate', detail: error.message } as const;
    const refused = refusedBySelf(this.#destination.peer, refusal);
    this.#context.refusals.add('dialled', refused);
    this.#events.onClose(refused);
  }
}

/** Errors of TLS that name a certificate rather than the network. */
function isCertificateError(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return /CERT|^ERR_SSL|^ERR_TLS|SELF_SIGNED|UNABLE_TO/.test(code);
}
