import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import { type Address, formatAddress } from './address.ts';
import type { TransportContext } from './context.ts';
import { Lane } from './lane.ts';
import { encodeMessage, isBulk } from './message-codec.ts';

/** The way to one peer: its two lanes. */
export class PeerLink {
  /** `host:port`. */
  readonly address: string;
  readonly #context: TransportContext;
  readonly #control: Lane;
  readonly #bulk: Lane;

  constructor(context: TransportContext, peer: NodeId, address: Address) {
    this.address = formatAddress(address);
    this.#context = context;
    this.#control = new Lane(context, peer, address, 'control');
    this.#bulk = new Lane(context, peer, address, 'bulk');
  }

  /** Both lanes work: with one of them alone a leader could be elected that cannot replicate. */
  get isReachable(): boolean {
    return this.#control.isReady && this.#bulk.isReady;
  }

  send(message: Message): void {
    const lane = isBulk(message) ? this.#bulk : this.#control;
    const { metrics, limits } = this.#context;
    if (!lane.isReady) {
      metrics.droppedUnreachableTotal.inc();
      return;
    }
    const frame = encodeMessage(message);
    if (frame.bytes > limits.frameBytesMax) metrics.droppedOversizeTotal.inc();
    else lane.send(frame);
  }

  checkAlive(): void {
    this.#control.checkAlive();
    this.#bulk.checkAlive();
  }

  checkGeneration(own: number | null): void {
    this.#control.checkGeneration(own);
    this.#bulk.checkGeneration(own);
  }

  close(): void {
    this.#control.close();
    this.#bulk.close();
  }
}
