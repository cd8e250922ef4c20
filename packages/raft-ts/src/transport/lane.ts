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
  isSameGeneration,
  judgeHello,
  type LaneName,
  type Refusal,
} from './handshake.ts';
import type { EncodedFrame } from './message-codec.ts';

/** One lane of a peer: the connection that this member dials, and dials again when it is lost. */
export class Lane {
  readonly #context: TransportContext;
  readonly #peer: NodeId;
  readonly #address: Address;
  readonly #name: LaneName;
  readonly #bytesMax: number;
  #connection: Connection | null = null;
  #isReady = false;
  #peerGeneration: number | null = null;
  #isClosed = false;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(context: TransportContext, peer: NodeId, address: Address, name: LaneName) {
    this.#context = context;
    this.#peer = peer;
    this.#address = address;
    this.#name = name;
    const { controlBytesMax, bulkBytesMax } = context.limits;
    this.#bytesMax = name === 'control' ? controlBytesMax : bulkBytesMax;
    this.#dial();
  }

  /** The handshake succeeded and the peer was heard since. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Drops the frame when the peer is not connected or too much waits already. */
  send(frame: EncodedFrame): void {
    const connection = this.#connection;
    const { metrics } = this.#context;
    if (connection === null || !this.#isReady) metrics.droppedUnreachableTotal.inc();
    else if (connection.waitingBytes + frame.bytes > this.#bytesMax) metrics.droppedFullTotal.inc();
    else connection.write(frame.parts, frame.bytes);
  }

  /** Pings the peer, or gives the connection up when it has been silent for too long. */
  checkAlive(): void {
    const connection = this.#connection;
    if (connection === null || !this.#isReady) return;
    if (connection.isSilent(this.#context.limits.idleTimeoutMs)) connection.destroy();
    else connection.writeFrame(FrameType.ping);
  }

  /** Gives the connection up when the peer is of another generation than this member turned out to be. */
  checkGeneration(own: number | null): void {
    if (this.#isReady && !isSameGeneration(own, this.#peerGeneration)) this.#connection?.destroy();
  }

  close(): void {
    this.#isClosed = true;
    this.#clearTimer();
    this.#connection?.destroy();
  }

  #dial(): void {
    const { credentials, metrics, limits } = this.#context;
    const socket = credentials.dial(this.#address, this.#peer, () => {
      const hello = helloTo(this.#context, this.#peer, this.#name);
      connection.writeFrame(FrameType.hello, encodeHello(hello));
    });
    const connection = new Connection(
      socket,
      {
        onFrame: (type, body) => this.#onHandshake(connection, type, body),
        onClose: (error) => this.#onClose(error),
      },
      metrics,
    );
    this.#connection = connection;
    this.#setTimer(limits.connectTimeoutMs, () => connection.destroy());
  }

  #onHandshake(connection: Connection, type: number, body: Buffer): void {
    // The other end never speaks on this connection, but for its answer to the hello.
    if (this.#isReady) throw new ProtocolError(`frame type ${type} from the accepting end`);
    if (type === FrameType.welcome) {
      const hello = decodeHello(body);
      this.#admit(connection, hello).catch((error: Error) => {
        this.#context.onError(error);
        connection.destroy();
      });
    } else if (type === FrameType.refusal) {
      const { reason, detail } = decodeRefusal(body);
      this.#refused(new PeerRefusedError(this.#peer, 'peer', reason, detail));
    } else throw new ProtocolError(`frame type ${type} instead of a welcome`);
  }

  async #admit(connection: Connection, hello: Hello): Promise<void> {
    const { identity, registry, limits, metrics, refusals } = this.#context;
    const wrongPeer: Refusal | null =
      hello.from === this.#peer
        ? null
        : { reason: 'wrong-peer', detail: `${hello.from} answers for ${this.#peer}` };
    const refusal =
      wrongPeer ??
      judgeHello(identity, hello) ??
      (await registry.check(this.#peer, hello.incarnation));
    if (this.#connection !== connection) return;
    if (refusal !== null) {
      this.#refused(refusedBySelf(this.#peer, refusal));
      return;
    }
    this.#clearTimer();
    connection.open(limits.frameBytesMax);
    this.#isReady = true;
    this.#peerGeneration = hello.clusterGeneration;
    this.#failures = 0;
    metrics.connectionsTotal.inc();
    refusals.clear('dialled', this.#peer);
  }

  #refused(refusal: PeerRefusedError): void {
    this.#context.metrics.refusalsTotal.inc();
    this.#context.refusals.add('dialled', refusal);
    // What is refused now will be refused in a moment too.
    this.#failures = Number.POSITIVE_INFINITY;
    this.#connection?.destroy();
  }

  #onClose(error: Error | null): void {
    this.#connection = null;
    this.#isReady = false;
    this.#clearTimer();
    if (this.#isClosed) return;
    if (error !== null && isCertificateError(error)) {
      const refusal = { reason: 'certificate', detail: error.message } as const;
      this.#context.refusals.add('dialled', refusedBySelf(this.#peer, refusal));
    }
    const { reconnectMsMin, reconnectMsMax } = this.#context.limits;
    const delayMs = Math.min(reconnectMsMax, reconnectMsMin * 2 ** this.#failures);
    this.#failures = Number.isFinite(this.#failures) ? this.#failures + 1 : 0;
    this.#setTimer(delayMs * (0.5 + this.#context.random() / 2), () => this.#dial());
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#clearTimer();
    this.#timer = setTimeout(callback, delayMs);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** Errors of TLS that name a certificate rather than the network. */
function isCertificateError(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return /CERT|^ERR_SSL|^ERR_TLS|SELF_SIGNED|UNABLE_TO/.test(code);
}
