import {
  BusyError,
  ClosedError,
  ConfigChangeInProgressError,
  EntryTooLargeError,
  InvalidMembershipError,
  InvalidOptionError,
  LearnerNotLevelError,
  MemberFailedError,
  NotLeaderError,
  ProposalDroppedError,
} from 'raft-ts';

/**
 * @import { NodeId } from 'raft-ts'
 *
 * @typedef {{ status: number, body: string | object }} Answer A string is sent as it is, an object as JSON.
 */

/** After these nothing was changed, and never will be. Whatever is not named here may have left something in the log. */
const harmlessErrors = [
  BusyError,
  ClosedError,
  ConfigChangeInProgressError,
  EntryTooLargeError,
  LearnerNotLevelError,
  MemberFailedError,
  ProposalDroppedError,
];

/**
 * What to answer when a proposal or a membership change failed.
 *
 * @param {unknown} error
 * @returns {Answer}
 */
export function failed(error) {
  if (error instanceof NotLeaderError) return misdirected(error.leader);
  if (error instanceof InvalidMembershipError || error instanceof InvalidOptionError) {
    return { status: 400, body: { error: error.message } };
  }
  return unavailable(harmlessErrors.some((type) => error instanceof type) ? 'none' : 'unknown');
}

/**
 * @param {NodeId | null} leader
 * @returns {Answer}
 */
export function misdirected(leader) {
  return { status: 421, body: { leader, outcome: 'none' } };
}

/**
 * @param {'none' | 'unknown'} outcome
 * @returns {Answer}
 */
export function unavailable(outcome) {
  return { status: 503, body: { outcome } };
}
