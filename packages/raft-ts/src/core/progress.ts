import { assert } from './assert.ts';
import type { Inflights } from './inflights.ts';
import type { Index } from './types.ts';

/**
 * What the leader knows of one member's log. `probe`: one request at a time until it is known where the logs part;
 * `replicate`: requests are sent ahead of their answers.
 */
export type ProgressState = 'probe' | 'replicate';

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
  /** The log no longer holds what this member needs next. */
  needsSnapshot = false;
  readonly inflights: Inflights;

  constructor(next: Index, nowTick: number, inflights: Inflights) {
    this.next = next;
    this.lastActiveTick = nowTick;
    this.inflights = inflights;
  }

  becomeProbe(): void {
    this.state = 'probe';
    this.next = this.match + 1;
    this.probeSent = false;
    this.inflights.reset();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = this.match + 1;
    this.probeSent = false;
    this.inflights.reset();
  }

  /** The member holds everything up to `index`. True when that is news. */
  acknowledge(index: Index): boolean {
    const isNews = index > this.match;
    if (isNews) this.match = index;
    if (this.state === 'probe') {
      // An answer to an old request proves nothing about the one under way.
      if (isNews || index === this.match) this.becomeReplicate();
    } else {
      this.inflights.freeTo(index);
      if (this.next <= this.match) this.next = this.match + 1;
    }
    assert(this.next > this.match, 'next is behind match');
    return isNews;
  }

  /**
   * The member refused a request whose previous index was `refused`; `retry` is the highest index at which the logs may
   * still agree. False for a refusal that is older than what is known.
   */
  refuse(refused: Index, retry: Index): boolean {
    if (refused <= this.match) return false;
    if (this.state === 'replicate') {
      this.becomeProbe();
      return true;
    }
    if (this.next - 1 !== refused) return false;
    this.next = Math.max(Math.min(refused, retry + 1), this.match + 1);
    this.probeSent = false;
    return true;
  }
}
