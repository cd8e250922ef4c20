import type { ActivityOptions, VrrpMode } from './options.ts';
import type { Clock, Consensus } from './ports.ts';

/** What the track file can say: 0 not fit, 1 fit, 2 fit and calmly leading. */
export type TrackValue = 0 | 1 | 2;

/** What a node that is fit to carry traffic says of itself to VRRP; the modes differ in nothing else. */
export interface Claim {
  /** As of now; to be looked at after every change of the log's leader. */
  value(): TrackValue;
  /** Milliseconds after which `value` may be another one although nothing has happened. */
  validForMs(): number;
  /** Leadership and address are being moved to this node by a person. */
  expectHandover(): void;
}

export interface ClaimDependencies {
  readonly consensus: Consensus;
  readonly clock: Clock;
}

/** @param mode null without VRRP, when nobody reads the file. */
export function claimOf(
  mode: VrrpMode | null,
  options: ActivityOptions,
  dependencies: ClaimDependencies,
): Claim {
  if (mode === 'lead') return new LeadClaim(options, dependencies);
  if (mode === 'strict') return new StrictClaim(options, dependencies);
  return followClaim;
}

/** `follow`: who is fit may hold the address, and VRRP decides. */
const followClaim: Claim = {
  value: () => 1,
  validForMs: () => Number.POSITIVE_INFINITY,
  expectHandover: () => undefined,
};

/** `lead`, rule V9: the leader's claim is the greater one, once its leadership has lasted. */
class LeadClaim implements Claim {
  readonly #options: ActivityOptions;
  readonly #dependencies: ClaimDependencies;
  #leadsSinceMs = Number.POSITIVE_INFINITY;
  #term = 0;
  #plannedUntilMs = 0;

  constructor(options: ActivityOptions, dependencies: ClaimDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  value(): TrackValue {
    const nowMs = this.#dependencies.clock.nowMs();
    const { role, term, quorum } = this.#dependencies.consensus.status();
    const leads = role === 'leader' && quorum;
    if (!leads) this.#leadsSinceMs = Number.POSITIVE_INFINITY;
    else if (term !== this.#term || nowMs < this.#leadsSinceMs) this.#leadsSinceMs = nowMs;
    this.#term = term;
    const isCalm = nowMs - this.#leadsSinceMs >= this.#options.leadershipAfterMs;
    return leads && (isCalm || nowMs < this.#plannedUntilMs) ? 2 : 1;
  }

  validForMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** What a person moves need not prove that it lasts. */
  expectHandover(): void {
    const { clock } = this.#dependencies;
    this.#plannedUntilMs = clock.nowMs() + this.#options.handoverMs;
  }
}

/** A lease is looked at so often at least, so that what is left of it is known when leadership goes. */
const strictLookMs = 50;

/** `strict`, rule V8: only a leader whose quorum has answered lately. */
class StrictClaim implements Claim {
  readonly #options: ActivityOptions;
  readonly #dependencies: ClaimDependencies;
  #leaseEndMs = 0;
  #led = false;
  #deposedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ActivityOptions, dependencies: ClaimDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  value(): TrackValue {
    const { clock, consensus } = this.#dependencies;
    const nowMs = clock.nowMs();
    const leads = consensus.status().role === 'leader';
    if (leads) this.#leaseEndMs = nowMs + this.#options.leaseMs - consensus.quorumAgeMs();
    else if (this.#led) this.#deposedAtMs = nowMs;
    this.#led = leads;
    return this.#leftMs(nowMs) > 0 ? 1 : 0;
  }

  validForMs(): number {
    const leftMs = this.#leftMs(this.#dependencies.clock.nowMs());
    return leftMs > 0 ? Math.min(leftMs, strictLookMs) : strictLookMs;
  }

  expectHandover(): void {}

  /** Who was deposed within its lease has handed leadership over: the new one is to be eligible first. */
  #leftMs(nowMs: number): number {
    const endMs = this.#led
      ? this.#leaseEndMs
      : Math.min(this.#leaseEndMs, this.#deposedAtMs + this.#options.handoverGraceMs);
    return endMs - nowMs;
  }
}
