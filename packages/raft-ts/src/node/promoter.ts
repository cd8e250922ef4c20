import type { RaftCore } from '../core/raft.ts';
import type { ClusterConfig, Index, NodeId } from '../core/types.ts';
import { ConfigChangeInProgressError, LearnerNotLevelError } from '../errors.ts';
import type { Clock } from '../ports.ts';

export interface PromoterOptions {
  /** Which learners are to become voters. */
  readonly isWanted: (id: NodeId) => boolean;
  /** A learner is level when it gets what was committed at a moment within this time, as an election takes no less. */
  readonly levelMsMax: number;
  /** Rounds in which a learner must become level. */
  readonly roundsMax: number;
  /** Longest round: a learner that needs longer is too slow, or something is wrong. */
  readonly roundMsMax: number;
  /** Wait before another attempt, doubled each time. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

/** Why a learner was not made a voter, for now. */
export type GivenUpReason = 'too-slow' | 'unreachable';

export interface PromoterDependencies {
  readonly core: Pick<RaftCore, 'state' | 'members'>;
  readonly clock: Clock;
  readonly promote: (id: NodeId) => Promise<ClusterConfig>;
  readonly onPromoted: (id: NodeId) => void;
  readonly onGivenUp: (id: NodeId, why: GivenUpReason) => void;
}

interface Round {
  readonly number: number;
  /** What was committed when the round began. */
  readonly target: Index;
  readonly startMs: number;
}

interface Attempt {
  /** Null while it waits. */
  round: Round | null;
  /** Nothing is done before this. */
  waitUntilMs: number;
  failures: number;
  isPromoting: boolean;
}

/**
 * Makes learners voters when they are level (dissertation, section 4.2.1): in each round a learner gets what was committed
 * at the round's beginning. When one takes no longer than an election would, the learner holds up nobody as a voter. One that
 * is still too slow after `roundsMax` rounds, or not heard of, is left alone for a while.
 */
export class Promoter {
  readonly #options: PromoterOptions;
  readonly #dependencies: PromoterDependencies;
  readonly #attempts = new Map<NodeId, Attempt>();

  constructor(options: PromoterOptions, dependencies: PromoterDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** To be called often compared with `levelMsMax`. */
  onTick(): void {
    const { core, clock } = this.#dependencies;
    if (core.state.role !== 'leader') {
      this.#attempts.clear();
      return;
    }
    const { learners } = core.state.config;
    for (const id of this.#attempts.keys()) if (!learners.includes(id)) this.#attempts.delete(id);
    for (const { id, matchIndex, active } of core.members()) {
      if (!learners.includes(id) || !this.#options.isWanted(id)) continue;
      const attempt = this.#attempts.get(id) ?? this.#begin(id);
      if (attempt.isPromoting || clock.nowMs() < attempt.waitUntilMs) continue;
      if (active) this.#proceed(id, attempt, matchIndex);
      else this.#giveUp(id, attempt, 'unreachable');
    }
  }

  #begin(id: NodeId): Attempt {
    // A member that was just added has not been heard of yet.
    const waitUntilMs = this.#dependencies.clock.nowMs() + this.#options.levelMsMax;
    const attempt = { round: null, waitUntilMs, failures: 0, isPromoting: false };
    this.#attempts.set(id, attempt);
    return attempt;
  }

  #proceed(id: NodeId, attempt: Attempt, matchIndex: Index): void {
    const { levelMsMax, roundsMax, roundMsMax } = this.#options;
    attempt.round ??= this.#newRound(1);
    const { number, target, startMs } = attempt.round;
    const tookMs = this.#dependencies.clock.nowMs() - startMs;
    const isOver = matchIndex >= target;
    if (isOver && tookMs <= levelMsMax) this.#promote(id, attempt);
    else if (tookMs > roundMsMax || (isOver && number >= roundsMax)) {
      this.#giveUp(id, attempt, 'too-slow');
    } else if (isOver) attempt.round = this.#newRound(number + 1);
  }

  #newRound(number: number): Round {
    const { core, clock } = this.#dependencies;
    return { number, target: core.state.commit, startMs: clock.nowMs() };
  }

  #promote(id: NodeId, attempt: Attempt): void {
    const { promote, onPromoted } = this.#dependencies;
    attempt.isPromoting = true;
    promote(id).then(
      () => onPromoted(id),
      (error: unknown) => {
        attempt.isPromoting = false;
        attempt.round = null;
        const isEarly =
          error instanceof LearnerNotLevelError || error instanceof ConfigChangeInProgressError;
        if (!isEarly) this.#wait(attempt);
      },
    );
  }

  #giveUp(id: NodeId, attempt: Attempt, why: GivenUpReason): void {
    this.#wait(attempt);
    this.#dependencies.onGivenUp(id, why);
  }

  #wait(attempt: Attempt): void {
    const { retryMsMin, retryMsMax } = this.#options;
    const waitMs = Math.min(retryMsMax, retryMsMin * 2 ** attempt.failures);
    attempt.failures++;
    attempt.round = null;
    attempt.waitUntilMs = this.#dependencies.clock.nowMs() + waitMs;
  }
}
