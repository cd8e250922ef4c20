import type { MembershipChange } from '../core/membership.ts';
import type { RaftCore } from '../core/raft.ts';
import type { ClusterConfig, Entry, Index, NodeId } from '../core/types.ts';
import { InvalidOptionError } from '../errors.ts';
import type { RaftMetrics } from '../metrics.ts';
import type { ResolvedOptions } from '../options.ts';
import type { Clock } from '../ports.ts';
import { parseAddress } from '../transport/address.ts';
import { MembershipChanges, membershipError } from './membership-changes.ts';
import { type GivenUpReason, Promoter } from './promoter.ts';

interface MembershipListener {
  onPromoted(id: NodeId): void;
  onPromotionGivenUp(id: NodeId, why: GivenUpReason): void;
}

export interface MembershipDependencies {
  readonly core: RaftCore;
  readonly clock: Clock;
  readonly metrics: RaftMetrics | null;
  readonly listener: MembershipListener;
  /** The core has something to do. */
  readonly schedule: () => void;
}

const promotionRoundsMax = 10;
const promotionRoundMsMax = 60_000;
const promotionRetryMsMax = 60_000;

/** Changes of the members: those that are asked for, and learners that become voters by themselves. */
export class Membership {
  readonly #options: ResolvedOptions;
  readonly #dependencies: MembershipDependencies;
  readonly #changes = new MembershipChanges();
  readonly #promoter: Promoter | null;

  constructor(options: ResolvedOptions, dependencies: MembershipDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#promoter = options.autoPromote === null ? null : this.#makePromoter(options.autoPromote);
  }

  /** See `RaftNode.changeMembership`. */
  change(change: MembershipChange, ifConfigId: Index | null): Promise<ClusterConfig> {
    const { core, clock, metrics, schedule } = this.#dependencies;
    for (const [id, address] of Object.entries(change.add ?? {})) {
      if (parseAddress(address) !== null) continue;
      return Promise.reject(new InvalidOptionError(`address of ${id}`, 'host:port', address));
    }
    const begun = core.changeMembership(change, ifConfigId);
    if ('reason' in begun) return Promise.reject(membershipError(begun, core.state.leader));
    metrics?.membershipChangesTotal.inc();
    schedule();
    return this.#changes.wait(begun, clock.nowMs() + this.#options.proposalTimeoutMs);
  }

  onTick(): void {
    this.#changes.expire(this.#dependencies.clock.nowMs());
    this.#promoter?.onTick();
  }

  onApplied(entries: readonly Entry[]): void {
    this.#changes.onApplied(entries);
  }

  onRestored(index: Index): void {
    this.#changes.skipTo(index);
  }

  failAll(reason: string): void {
    this.#changes.failAll(reason);
  }

  #makePromoter(isWanted: (id: NodeId) => boolean): Promoter {
    const { core, clock, metrics, listener } = this.#dependencies;
    const { electionTimeoutMsMin, electionTimeoutMsMax } = this.#options.timing;
    return new Promoter(
      {
        ...{ isWanted, levelMsMax: electionTimeoutMsMin, retryMsMin: electionTimeoutMsMax },
        ...{ roundsMax: promotionRoundsMax, roundMsMax: promotionRoundMsMax },
        retryMsMax: promotionRetryMsMax,
      },
      {
        ...{ core, clock },
        promote: (id) => this.change({ promote: [id] }, core.state.configs.currentIndex),
        onPromoted: (id) => {
          metrics?.learnersPromotedTotal.inc();
          listener.onPromoted(id);
        },
        onGivenUp: (id, why) => listener.onPromotionGivenUp(id, why),
      },
    );
  }
}
