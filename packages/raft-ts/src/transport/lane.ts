import type { NodeId } from '../core/types.ts';
import type { Address } from './address.ts';
import { redialDelayMs, type TransportContext } from './context.ts';
import { PeerRefusedError, ProtocolError } from './errors.ts';
import { type Hello, isSameGeneration, type MessageLane } from './handshake.ts';
import type { EncodedFrame } from './message-codec.ts';
import { Outbound } from './outbound.ts';

/** One message lane of a peer: the connection that this member dials, and dials again when it is lost. */
export class Lane {
  readonly #context: TransportContext;
  readonly #peer: NodeId;
  readonly #address: Address;
  readonly #name: MessageLane;
  readonly #bytesMax: number;
  #outbound: Outbound | null = null;
  /** Of the connection that is there. */
  #hello: Hello | null = null;
  #isClosed = false;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(context: TransportContext, peer: NodeId, address: Address, name: MessageLane) {
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
    return this.#outbound?.isReady ?? false;
  }

  /** The highest feature level of the peer; null when it is not connected. */
  get featureLevelMax(): number | null {
    return this.#hello?.featureLevels.max ?? null;
  }

  /** Drops the frame when the peer is not connected or too much waits already. */
  send(frame: EncodedFrame): void {
    const outbound = this.#outbound;
    const { metrics } = this.#context;
    if (outbound === null || !outbound.isReady) metrics.droppedUnreachableTotal.inc();
    else if (outbound.waitingBytes + frame.bytes > this.#bytesMax) metrics.droppedFullTotal.inc();
    else outbound.write(frame.parts, frame.bytes);
  }

  /** Pings the peer, or gives the connection up when it has been silent for too long. */
  checkAlive(): void {
    this.#outbound?.checkAlive();
  }

  /** Gives the connection up when the peer is of another generation than this member turned out to be. */
  checkGeneration(own: number | null): void {
    const its = this.#hello?.clusterGeneration ?? null;
    if (!isSameGeneration(own, its)) this.#outbound?.destroy();
  }

  close(): void {
    this.#isClosed = true;
    this.#clearTimer();
    this.#outbound?.destroy();
  }

  #dial(): void {
    const { frameBytesMax } = this.#context.limits;
    const destination = {
      peer: this.#peer,
      address: this.#address,
      lane: this.#name,
      frameBytesMax,
    };
    this.#outbound = new Outbound(this.#context, destination, {
      onReady: (hello) => {
        this.#failures = 0;
        this.#hello = hello;
      },
      // The other end never speaks on this connection, but for its answer to the hello.
      onFrame: (type) => {
        throw new ProtocolError(`frame type ${type} from the accepting end`);
      },
      onClose: (error) => this.#onClose(error),
    });
  }

  #onClose(error: Error | null): void {
    this.#outbound = null;
    this.#hello = null;
    if (this.#isClosed) return;
    // What is refused now will be refused in a moment too.
    if (error instanceof PeerRefusedError) this.#failures = Number.POSITIVE_INFINITY;
    const delayMs = redialDelayMs(this.#context, this.#failures);
    this.#failures = Number.isFinite(this.#failures) ? this.#failures + 1 : 0;
    this.#timer = setTimeout(() => this.#dial(), delayMs);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
