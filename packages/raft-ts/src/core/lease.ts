import { confirmedRound, hasOwnTermCommit } from './replication.ts';
import type { RaftState } from './state.ts';
import type { Term } from './types.ts';

/** What a leader's lease rests on: rounds of heartbeats, numbered from 1 on in each term (dissertation, section 6.4.1). */
export interface LeaseRounds {
  readonly term: Term;
  /** Newest round that was sent, or is about to be. */
  readonly sent: number;
  /** Newest round that a quorum has answered. */
  readonly confirmed: number;
  /**
   * False before the own term's first commit, and from the moment at which another member was asked to take over until the
   * end of the term: that request bypasses the promise on which a lease rests, and nobody knows when it arrives.
   */
  readonly isUsable: boolean;
}

/** Null for who does not lead. */
export function leaseRounds(state: RaftState): LeaseRounds | null {
  if (state.role !== 'leader') return null;
  const isUsable = !state.isLeaseVoid && hasOwnTermCommit(state);
  const confirmed = confirmedRound(state);
  return { term: state.term, sent: state.reads.newestRound, confirmed, isUsable };
}
