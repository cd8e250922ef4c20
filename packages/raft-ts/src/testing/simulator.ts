import { membersOf } from '../core/quorum.ts';
import { type CommitRule, ownTermOnly } from '../core/state.ts';
import type { Index } from '../core/types.ts';
import { type LimitOptions, resolveOptions, timingProfiles } from '../options.ts';
import { InvariantError, Invariants } from './invariants.ts';
import { Random } from './random.ts';
import { SimClock } from './sim-clock.ts';
import { SimFaults } from './sim-faults.ts';
import { SimMember } from './sim-member.ts';
import { SimMembership } from './sim-membership.ts';
import { SimNetwork } from './sim-network.ts';
import { Workload } from './workload.ts';

/** One run of the simulator. */
export interface SimulatorOptions {
  readonly seed: number;
  /** Whether members come and go; drawn from the seed when absent. */
  readonly membership?: boolean;
  /** Virtual milliseconds of faults; 7,000. */
  readonly chaosMs?: number;
  /** Virtual milliseconds in which the healed cluster must agree again; 60,000. */
  readonly healMs?: number;
  /** Gets a line for every event worth telling. */
  readonly onTrace?: (line: string) => void;
}

/** What one run did; the same for the same seed and options. */
export interface SimulationReport {
  readonly seed: number;
  readonly members: number;
  readonly committed: Index;
  readonly proposed: number;
  readonly done: number;
  readonly reads: number;
  readonly leaderTerms: number;
  /** Membership changes that were completed. */
  readonly membershipChanges: number;
  /** Virtual milliseconds from the end of the faults until all members agreed. */
  readonly healedAfterMs: number;
}

/**
 * Runs real members over virtual time, a bad network and disks that lose what was not synced, all from one seed.
 * First everything may go wrong and only safety must hold; then all is healed and the members must agree again.
 */
export class Simulator {
  readonly #seed: number;
  readonly #chaosMs: number;
  readonly #healMs: number;
  readonly #random: Random;
  readonly #clock = new SimClock();
  readonly #invariants = new Invariants();
  readonly #network: SimNetwork;
  readonly #members: readonly SimMember[];
  readonly #faults: SimFaults;
  /** Null in a run whose members stay. */
  readonly #membership: SimMembership | null;
  readonly #workload: Workload;
  readonly #onTrace: ((line: string) => void) | null;
  #failure: Error | null = null;

  /** `commitRule` is for the test that a broken rule is seen. */
  constructor(options: SimulatorOptions, commitRule: CommitRule = ownTermOnly) {
    this.#seed = options.seed;
    this.#chaosMs = options.chaosMs ?? 7_000;
    this.#healMs = options.healMs ?? 60_000;
    this.#onTrace = options.onTrace ?? null;
    this.#random = new Random(options.seed);
    const random = this.#random;
    this.#network = new SimNetwork(drawNetworkFaults(random), this.#clock, random);
    this.#network.onSend = (message) => this.#invariants.sent(message);
    const ids = Array.from({ length: random.pick([3, 3, 5]) }, (_, i) => `n${i + 1}`);
    const members = Object.fromEntries(ids.map((id) => [id, id]));
    const isMembershipChanging = options.membership ?? random.chance(0.4);
    const spares = isMembershipChanging ? ['s1', 's2', 's3'] : [];
    const limits = drawLimits(random);
    const harassRate = random.pick([0, 0, 0.9]);
    const shared = {
      clock: this.#clock,
      network: this.#network,
      random,
      invariants: this.#invariants,
      syncMsMax: random.pick([1, 5, 40]),
      commitRule,
      fail: (error: Error) => {
        this.#failure ??= error;
      },
      onLeader: (member: SimMember) => {
        if (random.chance(harassRate)) this.#faults.harass(member);
      },
      trace: (line: () => string) => this.#trace(line),
    };
    const timing = timingProfiles.fast;
    const common = { members, timing, limits, compactionTrailingEntries: 100 };
    const timeouts = { proposalTimeoutMs: 3_000, readTimeoutMs: 1_000 };
    this.#members = [...ids, ...spares].map(
      (id) => new SimMember(id, resolveOptions({ id, ...common, ...timeouts }), shared),
    );
    const faultParts = { ...shared, members: this.#members, isMembershipChanging };
    this.#faults = new SimFaults(faultParts);
    this.#membership = isMembershipChanging ? new SimMembership(faultParts) : null;
    this.#workload = new Workload(random, this.#invariants);
  }

  /** @throws {InvariantError} If a property of Raft was broken or the healed cluster did not agree. */
  async run(): Promise<SimulationReport> {
    const { stackTraceLimit } = Error;
    // Refusals are errors by the thousand: most of the time would go into their stacks.
    Error.stackTraceLimit = 0;
    try {
      return await this.#runAll();
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  async #runAll(): Promise<SimulationReport> {
    for (const member of this.#members) member.start();
    this.#runChaos();
    this.#faults.heal();
    const healedAfterMs = this.#runHealed();
    await this.#closeAll();
    this.#assertNoFailure();
    this.#workload.check();
    const { proposed, done, reads } = this.#workload;
    return {
      seed: this.#seed,
      members: this.#members.length,
      committed: this.#invariants.committed.index,
      proposed,
      done,
      reads,
      leaderTerms: this.#invariants.leaderTerms,
      membershipChanges: this.#membership?.completed ?? 0,
      healedAfterMs,
    };
  }

  #runChaos(): void {
    const meanMs = this.#random.pick([100, 400, 1_000]);
    const isOpen = () => this.#clock.nowMs() < this.#chaosMs;
    const strike = () => {
      if (!isOpen()) return;
      this.#faults.strike();
      this.#clock.setTimer(this.#random.between(0, 2 * meanMs), strike);
    };
    this.#clock.setTimer(this.#random.between(100, 600), strike);
    this.#serveClients(isOpen);
    this.#changeMembers(isOpen);
    this.#runTo(this.#chaosMs);
  }

  #serveClients(isOpen: () => boolean): void {
    const paceMs = this.#random.pick([8, 25, 60]);
    const serve = () => {
      if (!isOpen()) return;
      this.#callClient();
      this.#clock.setTimer(this.#random.between(0, 2 * paceMs), serve);
    };
    this.#clock.setTimer(0, serve);
  }

  #changeMembers(isOpen: () => boolean): void {
    const membership = this.#membership;
    if (membership === null) return;
    const paceMs = this.#random.pick([30, 150, 500]);
    const change = () => {
      if (!isOpen()) return;
      membership.strike();
      this.#clock.setTimer(this.#random.between(0, 2 * paceMs), change);
    };
    this.#clock.setTimer(this.#random.between(200, 600), change);
  }

  #callClient(): void {
    const up = this.#members.filter((member) => member.isUp && !member.isPaused);
    if (up.length === 0) return;
    const member = this.#random.pick(up);
    if (this.#random.chance(0.15)) this.#workload.read(member);
    else this.#workload.propose(member, this.#random.chance(0.1) ? 20 : 1);
  }

  /** Returns how long it took until every member's new proposal was applied by all. */
  #runHealed(): number {
    const startMs = this.#clock.nowMs();
    let isAsked = false;
    while (this.#clock.nowMs() - startMs < this.#healMs) {
      this.#runTo(this.#clock.nowMs() + 50);
      if (!this.#agree()) continue;
      if (isAsked) return this.#clock.nowMs() - startMs;
      for (const member of this.#members) this.#workload.propose(member, 1);
      isAsked = true;
      this.#runTo(this.#clock.nowMs() + 50);
    }
    const states = this.#members.map(({ id, state }) => {
      return `${id}: ${state?.role} t${state?.term} commit ${state?.commit} of ${state?.log.lastIndex}`;
    });
    throw new InvariantError(`healed, but no agreement: ${states.join('; ')}`);
  }

  #agree(): boolean {
    const states = this.#members.map((member) => member.state);
    const leader = states.find((state) => state?.role === 'leader');
    if (leader === undefined || leader === null || leader.config.votersOutgoing.length > 0)
      return false;
    const members = membersOf(leader.config);
    return states.every((state) => {
      if (state !== null && !members.includes(state.id)) return true;
      if (state === null || state.leader !== leader.id || state.tornLog) return false;
      return state.applied === leader.log.lastIndex && state.term === leader.term;
    });
  }

  #runTo(untilMs: number): void {
    this.#clock.runUntil(untilMs);
    this.#assertNoFailure();
  }

  #assertNoFailure(): void {
    if (this.#failure === null) return;
    const { cause } = this.#failure;
    throw cause instanceof Error ? (cause.cause ?? cause) : this.#failure;
  }

  async #closeAll(): Promise<void> {
    for (const { node } of this.#members) await node?.close();
    // Answers are promises: let all of them arrive.
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
  }

  #trace(line: () => string): void {
    this.#onTrace?.(`${this.#clock.nowMs().toFixed(1).padStart(8)} ${line()}`);
  }
}

function drawNetworkFaults(random: Random) {
  return {
    lossRate: random.pick([0, 0.02, 0.1, 0.3]),
    duplicateRate: random.pick([0, 0.05, 0.3]),
    delayMsMin: 0.2,
    delayMsMax: random.pick([1, 5, 30]),
    straggleRate: random.pick([0, 0.02, 0.1]),
  };
}

/** Small limits make the rare paths common. */
function drawLimits(random: Random): Partial<LimitOptions> {
  return {
    appendBytesMax: random.pick([1, 300, 65_536]),
    inflightMessagesMax: random.pick([2, 8, 256]),
    inflightBytesMax: random.pick([500, 1_000_000]),
    uncommittedBytesMax: random.pick([2_000, 1_000_000]),
    applyBytesMax: random.pick([200, 65_536]),
    tailBytesMax: random.pick([500, 1_000_000]),
  };
}
