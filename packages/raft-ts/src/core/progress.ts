import { assert } from './assert.ts';
import type { Inflights } from './inflights.ts';
import type { Index } from './types.ts';

/**
 * What the leader knows of one member's log. `probe`: one request at a time until it is known where the logs part;
 * `replicate`: requests are sent ahead of their answers; `snapshot`: the log no longer holds what the member needs next, so
 * nothing is sent but heartbeats until a snapshot has brought it to where the log begins.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  state: ProgressState = 'probe';
  /** Highest index known to be durable there. */
  match: Index = 0;
  /** Next index to send. */
  next: Index;
  /** Probing: the one request is on its way. */
  probeSent = false;
  /** An empty request is due although nothing is new: the answer tells whether earlier ones were lost. */
  pokeDue = false;
  /** Highest commit index that was sent along. */
  sentCommit: Index = 0;
  /** Highest read round that was confirmed. */
  readRound = 0;
  /** Leader's tick at which this member was last heard of. */
  lastActiveTick: number;
  /** The member has lost its state and asked for a snapshot at or above this index; 0 when it has not. */
  wantedSnapshot: Index = 0;
  /** The caller was told that a snapshot is due, and has not reported what became of it. */
  isSnapshotRequested = false;
  /** Last index of the snapshot that is on its way or has just arrived; 0 when none is. */
  pendingSnapshot: Index = 0;
  readonly inflights: Inflights;

  constructor(next: Index, nowTick: number, inflights: Inflights) {
    this.next = next;
    this.lastActiveTick = nowTick;
    this.inflights = inflights;
  }

  /** The log alone cannot bring this member level. */
  get needsSnapshot(): boolean {
    return this.state === 'snapshot' || this.wantedSnapshot > 0;
  }

  becomeProbe(): void {
    this.state = 'probe';
    this.next = this.match + 1;
    this.probeSent = false;
    this.inflights.reset();
  }

  becomeSnapshot(): void {
    this.state = 'snapshot';
    this.inflights.reset();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = this.match + 1;
    this.probeSent = false;
    this.pendingSnapshot = 0;
  }

  /** The member holds everything up to `index`; the own log begins behind `compacted`. True when that is news. */
  acknowledge(index: Index, compacted: Index): boolean {
    const isNews = index > this.match;
    if (isNews) this.match = index;
    if (this.state === 'snapshot') {
      // Also a snapshot behind the one that was sent last will do, if the log goes on from there.
      if (this.match >= compacted) this.becomeReplicate();
      else this.next = this.match + 1;
    } else if (this.state === 'probe') {
      // An answer to an old request proves nothing about the one under way.
      if (index === this.match) this.becomeReplicate();
    } else {
      this.inflights.freeTo(index);
      if (this.next <= this.match) this.next = this.match + 1;
    }
    assert(this.next > this.match, 'next is behind match');
    return isNews;
  }

  /**
   * The member refused a request whose previous index was `refused`; `retry` is the highest index at which the logs may
   * still agree. A refusal that is older than what is known has no effect.
   */
  refuse(refused: Index, retry: Index): void {
    if (refused <= this.match || this.state === 'snapshot') return;
    if (this.state === 'replicate') this.becomeProbe();
    else if (this.next - 1 === refused) {
      this.next = Math.max(Math.min(refused, retry + 1), this.match + 1);
      this.probeSent = false;
    }
  }

  /** A snapshot has arrived or failed. What follows waits for the next sign of life, so that a failure is not repeated at once. */
  snapshotEnded(isSent: boolean): void {
    this.isSnapshotRequested = false;
    this.wantedSnapshot = 0;
    // Whose log is level needs nothing behind the snapshot: the log there is free to go.
    if (!isSent || this.state !== 'snapshot') this.pendingSnapshot = 0;
    if (this.state !== 'snapshot') return;
    this.becomeProbe();
    this.next = Math.max(this.match, this.pendingSnapshot) + 1;
    this.probeSent = true;
  }
}
