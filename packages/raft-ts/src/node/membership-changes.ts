import { decodeConfig } from '../core/config.ts';
import type { MembershipRefusal } from '../core/membership.ts';
import { type ClusterConfig, type Entry, EntryType, type Index } from '../core/types.ts';
import {
  ConfigChangeInProgressError,
  ConfigConflictError,
  InvalidMembershipError,
  LearnerNotLevelError,
  NotLeaderError,
  ProposalDroppedError,
  ProposalUnknownError,
  type RaftError,
} from '../errors.ts';

interface Waiter {
  /** The entry that began the change. */
  readonly begun: Entry;
  readonly deadlineMs: number;
  readonly resolve: (config: ClusterConfig) => void;
  readonly reject: (error: RaftError) => void;
}

/** Membership changes that were begun here, until the configuration they lead to has been applied. */
export class MembershipChanges {
  #waiting: Waiter[] = [];

  wait(begun: Entry, deadlineMs: number): Promise<ClusterConfig> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ begun, deadlineMs, resolve, reject });
    });
  }

  onApplied(entries: readonly Entry[]): void {
    if (this.#waiting.length === 0) return;
    for (const entry of entries) this.#decide(entry);
  }

  expire(nowMs: number): void {
    const overdue = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    for (const waiter of overdue)
      this.#end(waiter, new ProposalUnknownError('not decided in time'));
  }

  /** A snapshot took the place of everything up to `index`. */
  skipTo(index: Index): void {
    const covered = this.#waiting.filter(({ begun }) => begun.index <= index);
    for (const waiter of covered) {
      this.#end(waiter, new ProposalUnknownError('a snapshot took its place'));
    }
  }

  failAll(reason: string): void {
    for (const waiter of [...this.#waiting]) this.#end(waiter, new ProposalUnknownError(reason));
  }

  #decide(entry: Entry): void {
    for (const waiter of [...this.#waiting]) {
      const { index, term } = waiter.begun;
      if (entry.index === index && entry.term !== term) {
        this.#end(waiter, new ProposalDroppedError('another leader wrote at its place'));
      } else if (entry.index >= index && entry.type === EntryType.config) {
        const config = decodeConfig(entry.data);
        // A joint configuration is half of the way.
        if (config.votersOutgoing.length === 0) this.#end(waiter, config);
      }
    }
  }

  #end(waiter: Waiter, outcome: ClusterConfig | RaftError): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiter);
    if (outcome instanceof Error) waiter.reject(outcome);
    else waiter.resolve(outcome);
  }
}

/** The error that tells a caller why its change was refused. */
export function membershipError(refusal: MembershipRefusal, leader: string | null): RaftError {
  switch (refusal.reason) {
    case 'not-leader':
      return new NotLeaderError(leader);
    case 'conflict':
      return new ConfigConflictError();
    case 'not-level':
      return new LearnerNotLevelError(refusal.detail);
    case 'invalid':
      return new InvalidMembershipError(refusal.detail);
    default:
      return new ConfigChangeInProgressError(refusal.reason);
  }
}
