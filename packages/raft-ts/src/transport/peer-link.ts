import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import type { Done } from '../ports.ts';
import { type Address, formatAddress } from './address.ts';
import type { TransportContext } from './context.ts';
import { SnapshotNotSentError, type SnapshotSendFailure } from './errors.ts';
import { snapshotFeatureLevel } from './handshake.ts';
import { Lane } from './lane.ts';
import { encodeMessage, isBulk } from './message-codec.ts';
import type { Shipment } from './snapshot-attempt.ts';
import { encodeOffer } from './snapshot-codec.ts';
import { SnapshotSender } from './snapshot-sender.ts';

/** What the caller of `sendSnapshot` names. */
type SnapshotToSend = Pick<Shipment, 'message' | 'reader'>;

/** The way to one peer: its two message lanes, and a snapshot beside them. */
export class PeerLink {
  /** `host:port`. */
  readonly address: string;
  readonly #context: TransportContext;
  readonly #peer: NodeId;
  readonly #dialled: Address;
  readonly #control: Lane;
  readonly #bulk: Lane;
  #snapshot: SnapshotSender | null = null;

  constructor(context: TransportContext, peer: NodeId, address: Address) {
    this.address = formatAddress(address);
    this.#context = context;
    this.#peer = peer;
    this.#dialled = address;
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

  /** One at a time. `done` gets a `SnapshotNotSentError` when it does not arrive. */
  sendSnapshot({ message, reader }: SnapshotToSend, signal: AbortSignal, done: Done): void {
    const offer = encodeOffer(message);
    const refusal = this.#refusal() ?? (offer === null ? this.#oversize() : null);
    if (offer === null || refusal !== null) {
      this.#context.metrics.snapshotsNotSentTotal.inc();
      process.nextTick(done, refusal);
      return;
    }
    const shipment = { message, offer, reader };
    this.#snapshot = new SnapshotSender(this.#context, this.#dialled, shipment, {
      signal,
      done: (error) => {
        this.#snapshot = null;
        done(error);
      },
    });
  }

  checkAlive(): void {
    this.#control.checkAlive();
    this.#bulk.checkAlive();
    this.#snapshot?.checkAlive();
  }

  checkGeneration(own: number | null): void {
    this.#control.checkGeneration(own);
    this.#bulk.checkGeneration(own);
  }

  close(): void {
    this.#control.close();
    this.#bulk.close();
    this.#snapshot?.close();
  }

  #oversize(): SnapshotNotSentError {
    return new SnapshotNotSentError(this.#peer, 'oversize', 'its configuration is too long');
  }

  #refusal(): SnapshotNotSentError | null {
    const refusal = (reason: SnapshotSendFailure, detail: string): SnapshotNotSentError =>
      new SnapshotNotSentError(this.#peer, reason, detail);
    const level = this.#control.featureLevelMax;
    if (level === null) return refusal('unreachable', 'it is not connected');
    if (level < snapshotFeatureLevel) {
      const detail = `it has feature level ${level}, snapshots need ${snapshotFeatureLevel}`;
      return refusal('feature-level', detail);
    }
    return this.#snapshot === null ? null : refusal('underway', 'another one is on its way');
  }
}
