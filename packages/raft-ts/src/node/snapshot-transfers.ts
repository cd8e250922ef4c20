import type { MemberProgress } from '../core/raft.ts';
import type { SnapshotDue } from '../core/ready.ts';
import type { Index, NodeId, SnapshotMeta } from '../core/types.ts';
import type { SnapshotContent, SnapshotReader } from '../ports.ts';
import type { SnapshotContext } from './snapshot-context.ts';
import type { SnapshotTaker } from './snapshot-taker.ts';

export interface SnapshotTransferOptions {
  /** Members that are sent a snapshot at the same time. */
  readonly transfersMax: number;
  /** A transfer to a member that is silent for so long is given up. */
  readonly silenceMsMax: number;
}

interface Transfer {
  readonly to: NodeId;
  readonly abort: AbortController;
  /** Null while the snapshot is being taken. */
  reader: SnapshotReader | null;
  heardMs: number;
}

function raise(error: Error): never {
  throw error;
}

/** Tells what the own disk cannot give. */
class WatchedReader implements SnapshotReader {
  readonly #reader: SnapshotReader;
  readonly #onError: (error: Error) => void;

  constructor(reader: SnapshotReader, onError: (error: Error) => void) {
    this.#reader = reader;
    this.#onError = onError;
  }

  get meta(): SnapshotMeta {
    return this.#reader.meta;
  }

  read(offset: number, length: number, answer: (result: Uint8Array | Error) => void): void {
    this.#reader.read(offset, length, (result) => {
      if (result instanceof Error) this.#onError(result);
      answer(result);
    });
  }

  content(): SnapshotContent {
    return this.#reader.content();
  }

  close(): void {
    this.#reader.close();
  }
}

/**
 * The leader's snapshots on their way to members that the log cannot bring level. What was begun is sent to its end: newer
 * snapshots that are taken meanwhile do not restart it, and after a break the same one is sent again, so that the receiver
 * can go on where it was.
 */
export class SnapshotTransfers {
  readonly #options: SnapshotTransferOptions;
  readonly #context: SnapshotContext;
  readonly #taker: SnapshotTaker;
  readonly #due = new Map<NodeId, Index>();
  readonly #running = new Map<NodeId, Transfer>();
  /** Pinned for the next attempt. */
  readonly #broken = new Map<NodeId, SnapshotReader>();

  constructor(options: SnapshotTransferOptions, taker: SnapshotTaker, context: SnapshotContext) {
    this.#options = options;
    this.#taker = taker;
    this.#context = context;
  }

  add(due: readonly SnapshotDue[]): void {
    for (const { to, from } of due) this.#due.set(to, from);
    this.#startNext();
  }

  /** Gives up what leads nowhere. */
  onTick(): void {
    if (this.#running.size + this.#broken.size + this.#due.size === 0) return;
    const nowMs = this.#context.clock.nowMs();
    const members = new Map(this.#context.core.members().map((member) => [member.id, member]));
    for (const transfer of [...this.#running.values()]) {
      const member = members.get(transfer.to);
      if (member?.active) transfer.heardMs = nowMs;
      const isSilent = nowMs - transfer.heardMs > this.#options.silenceMsMax;
      if (member === undefined || isSilent) this.#abort(transfer);
    }
    for (const to of this.#due.keys()) if (!members.has(to)) this.#due.delete(to);
    for (const [to, reader] of this.#broken) {
      if (this.#isUseful(reader, members.get(to))) continue;
      this.#broken.delete(to);
      reader.close();
    }
  }

  close(): void {
    for (const { abort, reader } of this.#running.values()) {
      abort.abort();
      reader?.close();
    }
    for (const reader of this.#broken.values()) reader.close();
    this.#running.clear();
    this.#broken.clear();
    this.#due.clear();
  }

  #isUseful({ meta }: SnapshotReader, member: MemberProgress | undefined): boolean {
    const { compacted } = this.#context.core.state.log;
    if (member === undefined || meta.lastIndex < compacted.index) return false;
    return member.needsSnapshot || member.matchIndex < compacted.index;
  }

  #startNext(): void {
    for (const [to, from] of this.#due) {
      if (this.#running.size >= this.#options.transfersMax) return;
      if (this.#running.has(to)) continue;
      this.#due.delete(to);
      this.#start(to, from);
    }
  }

  #start(to: NodeId, from: Index): void {
    const heardMs = this.#context.clock.nowMs();
    const transfer: Transfer = { to, abort: new AbortController(), reader: null, heardMs };
    this.#running.set(to, transfer);
    const broken = this.#broken.get(to);
    this.#broken.delete(to);
    if (broken !== undefined && broken.meta.lastIndex >= from) {
      this.#send(transfer, broken);
      return;
    }
    broken?.close();
    this.#taker.take(from, (result) => {
      if (this.#running.get(to) !== transfer) return;
      const reader = result instanceof Error ? null : this.#context.store.pin();
      if (reader !== null) this.#send(transfer, reader);
      else this.#ended(transfer, result instanceof Error ? result : new Error('no snapshot'));
    });
  }

  #send(transfer: Transfer, reader: SnapshotReader): void {
    const { core, transport, turn } = this.#context;
    const { id: from, term } = core.state;
    const { to, abort } = transfer;
    const { meta } = reader;
    transfer.reader = reader;
    core.snapshotChosen(to, meta);
    const message = { kind: 'snapshot', from, to, term, meta } as const;
    const watched = new WatchedReader(reader, (error) => {
      // What is durable here can no longer be read: as with the log, that is final.
      if (this.#running.get(to) === transfer) turn(() => raise(error));
    });
    transport.sendSnapshot?.(message, watched, abort.signal, (error) => {
      turn(() => this.#ended(transfer, error));
    });
  }

  #abort(transfer: Transfer): void {
    transfer.abort.abort();
    if (transfer.reader === null) this.#ended(transfer, new Error('the member is gone'));
  }

  #ended(transfer: Transfer, error: Error | null): void {
    const { to, reader } = transfer;
    if (this.#running.get(to) !== transfer) return;
    const { core, metrics, listener } = this.#context;
    this.#running.delete(to);
    core.reportSnapshot(to, error === null);
    if (error !== null) {
      metrics?.snapshotFailuresTotal.inc();
      if (reader !== null) this.#broken.set(to, reader);
    } else if (reader !== null) {
      reader.close();
      metrics?.snapshotsSentTotal.inc();
      listener.onSent(to, reader.meta);
    }
    this.#startNext();
  }
}
