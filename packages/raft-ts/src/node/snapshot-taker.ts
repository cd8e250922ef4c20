import type { Entry, Index, SnapshotMeta, SnapshotPosition } from '../core/types.ts';
import { SnapshotUnavailableError } from '../errors.ts';
import type { SnapshotContent } from '../ports.ts';
import { StateMachineFailure } from './member-failure.ts';
import type { SnapshotContext } from './snapshot-context.ts';

/** When a snapshot is taken without being asked for; null for never. */
export interface SnapshotPolicy {
  readonly entriesMax: number | null;
  readonly bytesMax: number | null;
}

interface Waiter {
  readonly from: Index;
  readonly answer: (result: SnapshotMeta | Error) => void;
}

/** After a failure nothing is tried for this long: the disk may be full, and a snapshot is large. */
const retryMs = 5_000;

/** Takes snapshots of the own state machine, one at a time. */
export class SnapshotTaker {
  readonly #policy: SnapshotPolicy;
  readonly #context: SnapshotContext;
  #waiting: Waiter[] = [];
  #isTaking = false;
  #entries = 0;
  #bytes = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(policy: SnapshotPolicy, context: SnapshotContext) {
    this.#policy = policy;
    this.#context = context;
  }

  /** Answers with a snapshot that reaches at least to `from`: the present one if it does, else a new one. */
  take(from: Index, answer: (result: SnapshotMeta | Error) => void): void {
    const { current } = this.#context.store;
    const problem = this.#problem(from);
    if (current !== null && current.lastIndex >= from) answer(current);
    else if (problem !== null) answer(new SnapshotUnavailableError(problem));
    else {
      this.#waiting.push({ from, answer });
      this.#begin();
    }
  }

  /** Entries were applied. True when so much has come since the last snapshot that the next one is due. */
  count(entries: readonly Entry[]): boolean {
    const { entriesMax, bytesMax } = this.#policy;
    this.#entries += entries.length;
    if (bytesMax !== null) for (const { data } of entries) this.#bytes += data.length;
    if (this.#isTaking) return false;
    const isDue = this.#entries >= (entriesMax ?? Number.POSITIVE_INFINITY);
    return isDue || this.#bytes >= (bytesMax ?? Number.POSITIVE_INFINITY);
  }

  /** The state is another one now: counting begins anew. */
  restart(): void {
    this.#entries = 0;
    this.#bytes = 0;
  }

  /** The member stops: whoever waits gets no snapshot any more. */
  close(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { answer } of waiting)
      answer(new SnapshotUnavailableError('the member has stopped'));
  }

  #problem(from: Index): string | null {
    const { core, clock } = this.#context;
    const { applied, restoring, restoreDue, isStateLost } = core.state;
    if (restoring !== null || restoreDue !== null || isStateLost) return 'a restoration is due';
    if (applied === 0) return 'nothing was applied yet';
    if (from > applied) return `only ${applied} was applied, and ${from} is wanted`;
    return clock.nowMs() < this.#retryAtMs ? 'the last attempt failed' : null;
  }

  #begin(): void {
    if (this.#isTaking) return;
    const { store, clock, turn } = this.#context;
    this.#isTaking = true;
    this.restart();
    const startMs = clock.nowMs();
    const position = this.#position();
    store.create(position, this.#content(), (result) => {
      turn(() => this.#ended(position, result, startMs));
    });
  }

  /** The state is that of the applied index, noops included. */
  #position(): SnapshotPosition {
    const { applied: lastIndex, log, configs } = this.#context.core.state;
    const { config, index: configIndex } = configs.applied;
    return { lastIndex, lastTerm: log.term(lastIndex)!, config, configIndex };
  }

  #content(): SnapshotContent {
    try {
      return this.#context.stateMachine.snapshot();
    } catch (cause) {
      throw new StateMachineFailure('the state machine gave no snapshot', { cause });
    }
  }

  #ended(position: SnapshotPosition, result: SnapshotMeta | Error, startMs: number): void {
    const { clock, metrics, listener } = this.#context;
    this.#isTaking = false;
    if (result instanceof Error) {
      this.#retryAtMs = clock.nowMs() + retryMs;
      metrics?.snapshotFailuresTotal.inc();
      listener.onFailed(result);
    } else if (result.lastIndex === position.lastIndex) {
      metrics?.snapshotsCreatedTotal.inc();
      metrics?.snapshotCreateSeconds.observe((clock.nowMs() - startMs) / 1000);
      listener.onCreated(result);
    }
    this.#answer(result);
  }

  /** Whoever came while the state was an older one gets a snapshot of its own. */
  #answer(result: SnapshotMeta | Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { from, answer } of waiting) {
      if (result instanceof Error) answer(result);
      else this.take(from, answer);
    }
  }
}
