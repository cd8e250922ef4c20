import type { SnapshotMessage } from '../core/message.ts';
import type { Ready } from '../core/ready.ts';
import type { Entry, Index, SnapshotMeta } from '../core/types.ts';
import type { ResolvedOptions } from '../options.ts';
import type { SnapshotOffered, SnapshotStore, StateMachine } from '../ports.ts';
import type { SnapshotContext, SnapshottingStateMachine } from './snapshot-context.ts';
import { SnapshotIntake } from './snapshot-intake.ts';
import { type SnapshotPolicy, SnapshotTaker } from './snapshot-taker.ts';
import { type SnapshotTransferOptions, SnapshotTransfers } from './snapshot-transfers.ts';

/** Snapshots of a member that has a store for them and a state machine that can give and take them. */
export class Snapshots {
  readonly #context: SnapshotContext;
  readonly #taker: SnapshotTaker;
  readonly #transfers: SnapshotTransfers;
  readonly #intake: SnapshotIntake;

  constructor(options: SnapshotPolicy & SnapshotTransferOptions, context: SnapshotContext) {
    this.#context = context;
    this.#taker = new SnapshotTaker(options, context);
    this.#transfers = new SnapshotTransfers(options, this.#taker, context);
    this.#intake = new SnapshotIntake(context);
  }

  /** The newest snapshot here. */
  get current(): SnapshotMeta | null {
    return this.#context.store.current;
  }

  /** Members that the log does not reach can be brought level, so it may be cut without regard to them. */
  get canSend(): boolean {
    return this.#context.transport.sendSnapshot !== undefined;
  }

  /** What the transport calls when a member offers a snapshot. */
  readonly offered: SnapshotOffered = (message: SnapshotMessage, answer) => {
    this.#intake.offered(message, answer);
  };

  /** Answers with a snapshot of everything that is applied now. */
  take(answer: (result: SnapshotMeta | Error) => void): void {
    this.#taker.take(Math.max(1, this.#context.core.state.applied), answer);
  }

  onReady({ restore, snapshotsDue }: Ready): void {
    if (restore !== null) {
      this.#taker.restart();
      this.#intake.restore(restore);
    }
    if (snapshotsDue.length > 0 && this.canSend) this.#transfers.add(snapshotsDue);
  }

  /** True when a snapshot is due by the policy. */
  onApplied(entries: readonly Entry[]): boolean {
    return this.#taker.count(entries);
  }

  onTick(): void {
    this.#transfers.onTick();
  }

  /** Ends what is under way; partial snapshots stay for later. */
  close(): void {
    this.#transfers.close();
    this.#taker.close();
    this.#intake.close();
  }

  /** Whether compaction up to there leaves the newest committed configuration, whose entry is at `configIndex`, in a snapshot. */
  holdsConfig(configIndex: Index): boolean {
    return this.current !== null && this.current.lastIndex >= configIndex;
  }
}

/** Election timeouts that a member may be silent before a snapshot for it is given up. */
const silentElectionsMax = 4;

/** What the member's options say about snapshots. */
export function snapshotOptions(
  options: ResolvedOptions,
): SnapshotPolicy & SnapshotTransferOptions {
  const { snapshotEntriesMax: entriesMax, snapshotBytesMax: bytesMax, limits, timing } = options;
  const silenceMsMax = silentElectionsMax * timing.electionTimeoutMsMax;
  return { entriesMax, bytesMax, transfersMax: limits.snapshotTransfersMax, silenceMsMax };
}

/** Null when the state machine cannot be snapshotted, or there is no place for snapshots. */
export function snapshotParts<R>(
  stateMachine: StateMachine<R>,
  store: SnapshotStore | null | undefined,
): { store: SnapshotStore; stateMachine: SnapshottingStateMachine<R> } | null {
  if (store == null) return null;
  const { snapshot, restore } = stateMachine;
  if (snapshot === undefined || restore === undefined) return null;
  return { store, stateMachine: stateMachine as SnapshottingStateMachine<R> };
}
