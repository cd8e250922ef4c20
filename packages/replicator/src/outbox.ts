import { type Outcome, refused } from './cluster-state.ts';
import { CommandKind, encodeCommand } from './command.ts';
import type { FlowKeyProbe } from './flow-key-probe.ts';
import { PendingFlows, PendingKind } from './pending-flows.ts';
import type { Clock, Consensus } from './ports.ts';

interface OutboxBatch {
  readonly sequence: number;
  readonly command: Uint8Array;
  /** Kept until the batch is applied: until then the table does not know these flows. */
  readonly flows: PendingFlows;
  readonly madeAtMs: number;
  /** `queued`: not sent yet; `sent`: on its way; `again`: it came to nothing and is sent again. */
  state: 'queued' | 'sent' | 'again';
}

export interface OutboxDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
  /** A batch was applied, or the source may send more. */
  readonly onProgress: () => void;
  /** The epoch is over: nothing of this outbox will be taken any more. */
  readonly onStale: () => void;
}

/**
 * The batches of one epoch that were proposed and are not applied yet, in order (rule A1). Each is kept until this node
 * applies it: what a leader change dropped, and what came too early after a gap, is sent again from the gap.
 */
export class Outbox {
  readonly #writer: { readonly group: string; readonly epoch: number; readonly node: string };
  readonly #retryMs: number;
  readonly #batchesInFlightMax: number;
  readonly #dependencies: OutboxDependencies;
  #batches: OutboxBatch[] = [];
  #spare: PendingFlows[] = [];
  #lastSequence = 0;
  #lastApplied = 0;
  #pendingFlows = 0;
  #closed = false;
  #cancelRetry: (() => void) | null = null;

  constructor(
    options: {
      readonly group: string;
      readonly epoch: number;
      readonly node: string;
      readonly retryMs: number;
      /** Batches on their way at a time; the others wait in order. */
      readonly batchesInFlightMax: number;
    },
    dependencies: OutboxDependencies,
  ) {
    const { group, epoch, node } = options;
    this.#writer = { group, epoch, node };
    this.#batchesInFlightMax = options.batchesInFlightMax;
    this.#retryMs = options.retryMs;
    this.#dependencies = dependencies;
  }

  /** Batches that are not applied, sent or not. */
  get length(): number {
    return this.#batches.length;
  }

  /** Flows named by batches that are not applied. */
  get pendingFlows(): number {
    return this.#pendingFlows;
  }

  get lastProposed(): number {
    return this.#lastSequence;
  }

  get lastApplied(): number {
    return this.#lastApplied;
  }

  /** When the oldest batch that is not applied was made, or null. */
  get oldestMadeAtMs(): number | null {
    return this.#batches[0]?.madeAtMs ?? null;
  }

  /** Numbers the operations, proposes them in their turn and keeps `flows` until they are applied. */
  add(operations: Uint8Array, flows: PendingFlows, madeAtMs: number): void {
    this.#lastSequence += 1;
    this.#pendingFlows += flows.live;
    const command = encodeCommand({
      kind: CommandKind.batch,
      ...this.#writer,
      sequence: this.#lastSequence,
      operations,
    });
    this.#batches.push({ sequence: this.#lastSequence, command, flows, madeAtMs, state: 'queued' });
    this.#sendQueued();
  }

  /** An empty set of pending flows, reused from an applied batch where there is one. */
  takeSpare(): PendingFlows {
    return this.#spare.pop() ?? new PendingFlows();
  }

  /** What the newest batch that names the flow does with it, or -1. */
  lastKind(probe: FlowKeyProbe): number {
    for (let i = this.#batches.length - 1; i >= 0; i -= 1) {
      const { flows } = this.#batches[i]!;
      const cell = flows.find(probe);
      if (cell >= 0 && flows.kind(cell) !== PendingKind.cancelled) return flows.kind(cell);
    }
    return -1;
  }

  /** This node has applied everything before `nextSequence`. */
  acknowledge(nextSequence: number): void {
    const before = this.#batches.length;
    while (this.#batches.length > 0 && this.#batches[0]!.sequence < nextSequence) {
      const { flows } = this.#batches.shift()!;
      this.#pendingFlows -= flows.live;
      flows.clear();
      if (this.#spare.length < 8) this.#spare.push(flows);
    }
    this.#lastApplied = nextSequence - 1;
    this.#sendQueued();
    if (this.#batches.length < before) this.#dependencies.onProgress();
  }

  /** Sends what waits for its turn: nothing will follow it. */
  sendAll(): void {
    for (const batch of this.#batches) {
      if (batch.state !== 'sent') this.#send(batch);
    }
  }

  close(): void {
    this.#closed = true;
    this.#batches = [];
    this.#pendingFlows = 0;
    this.#spare = [];
    this.#cancelRetry?.();
  }

  #sendQueued(): void {
    for (const batch of this.#batches.slice(0, this.#batchesInFlightMax)) {
      if (batch.state === 'queued') this.#send(batch);
    }
  }

  #send(batch: OutboxBatch): void {
    batch.state = 'sent';
    // A rejected proposal may or may not be in the log; apply tells a duplicate from a new one (rule A1).
    void this.#dependencies.consensus
      .propose(batch.command)
      .catch(() => refused('gap'))
      .then((outcome) => this.#onOutcome(batch, outcome));
  }

  #onOutcome(batch: OutboxBatch, outcome: Outcome): void {
    if (this.#closed || outcome.kind === 'accepted') return;
    // A duplicate of what this life has not seen applied: somebody else has used the sequence (rule A2).
    const isForeign = outcome.kind === 'duplicate' && batch.sequence > this.#lastApplied;
    if (outcome.kind === 'duplicate' && !isForeign) return;
    if (isForeign || (outcome.kind === 'refused' && outcome.reason !== 'gap')) {
      this.#dependencies.onStale();
      return;
    }
    batch.state = 'again';
    this.#cancelRetry ??= this.#dependencies.clock.setTimer(this.#retryMs, () => this.#resend());
  }

  #resend(): void {
    this.#cancelRetry = null;
    for (const batch of this.#batches) {
      if (batch.state === 'again') this.#send(batch);
    }
  }
}
