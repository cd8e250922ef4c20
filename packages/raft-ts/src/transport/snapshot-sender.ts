import type { NodeId } from '../core/types.ts';
import type { Done } from '../ports.ts';
import type { Address } from './address.ts';
import { redialDelayMs, type TransportContext } from './context.ts';
import { PeerRefusedError, SnapshotNotSentError, type SnapshotSendFailure } from './errors.ts';
import { type Shipment, SnapshotAttempt } from './snapshot-attempt.ts';

/**
 * Sends one snapshot to one member, over as many connections as it takes: after a cut it dials again and goes on where the
 * receiver says. It gives up when nothing has moved for `snapshotTimeoutMs`, and at once when trying again is in vain.
 */
export class SnapshotSender {
  readonly #context: TransportContext;
  readonly #address: Address;
  readonly #shipment: Shipment;
  readonly #signal: AbortSignal;
  readonly #done: Done;
  readonly #onAbort = (): void => this.#giveUp('aborted', 'it was aborted', this.#signal.reason);
  #attempt: SnapshotAttempt | null = null;
  #redialling: NodeJS.Timeout | null = null;
  #isEnded = false;
  #failures = 0;
  #written = -1;
  #movedMs = performance.now();
  #lastError: Error | null = null;

  /** @param done Called once, in a later turn. */
  constructor(
    context: TransportContext,
    address: Address,
    shipment: Shipment,
    end: { readonly signal: AbortSignal; readonly done: Done },
  ) {
    this.#context = context;
    this.#address = address;
    this.#shipment = shipment;
    this.#signal = end.signal;
    this.#done = end.done;
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
    else this.#dial();
  }

  /** Keeps the connection alive, or gives up when nothing moves. */
  checkAlive(): void {
    if (this.#isEnded) return;
    this.#attempt?.checkAlive();
    const { snapshotTimeoutMs } = this.#context.limits;
    if (performance.now() - this.#movedMs <= snapshotTimeoutMs) return;
    const detail = this.#lastError === null ? '' : `: ${this.#lastError.message}`;
    this.#giveUp('timeout', `nothing moved for ${snapshotTimeoutMs} ms${detail}`, this.#lastError);
  }

  /** The way to the member ends. */
  close(): void {
    this.#giveUp('closed', 'the connection to the member was closed');
  }

  get #peer(): NodeId {
    return this.#shipment.message.to;
  }

  #dial(): void {
    this.#attempt = new SnapshotAttempt(this.#context, this.#address, this.#shipment, {
      onProgress: (offset) => this.#onProgress(offset),
      onEnd: (error) => this.#onAttemptEnd(error),
    });
  }

  #onProgress(offset: number): void {
    if (offset <= this.#written) return;
    this.#written = offset;
    this.#movedMs = performance.now();
    this.#failures = 0;
  }

  #onAttemptEnd(error: Error | null): void {
    this.#attempt = null;
    if (error === null) this.#end(null);
    else if (error instanceof PeerRefusedError) {
      this.#giveUp('peer-refused', error.message, error);
    } else if (error instanceof SnapshotNotSentError && error.reason !== 'busy') this.#end(error);
    else {
      this.#lastError = error;
      const delayMs = redialDelayMs(this.#context, this.#failures++);
      this.#redialling = setTimeout(() => this.#dial(), delayMs);
    }
  }

  #giveUp(reason: SnapshotSendFailure, detail: string, cause?: unknown): void {
    this.#end(new SnapshotNotSentError(this.#peer, reason, detail, cause));
  }

  #end(error: Error | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (this.#redialling !== null) clearTimeout(this.#redialling);
    this.#attempt?.abort();
    const { metrics } = this.#context;
    if (error === null) metrics.snapshotsSentTotal.inc();
    else metrics.snapshotsNotSentTotal.inc();
    process.nextTick(this.#done, error);
  }
}
