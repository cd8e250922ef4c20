import { type CommitRule, ownTermOnly } from '../core/state.ts';
import type { Index } from '../core/types.ts';
import { type LimitOptions, resolveOptions, timingProfiles } from '../options.ts';
import { clockRateMax, clockRateMin } from './clock-faults.ts';
import { Coverage } from './coverage.ts';
import { drawFaultPlan, type FaultPlan } from './fault-plan.ts';
import { InvariantError, Invariants } from './invariants.ts';
import { judgeHistories } from './linearizability.ts';
import { Random } from './random.ts';
import { Recovery } from './recovery.ts';
import { SimClients } from './sim-clients.ts';
import { SimClock } from './sim-clock.ts';
import { type FaultDependencies, SimFaults } from './sim-faults.ts';
import { SimMember } from './sim-member.ts';
import { SimMembership } from './sim-membership.ts';
import { SimNetwork } from './sim-network.ts';
import { DiskStorage, MemoryStorage } from './sim-storage.ts';
import { Workload } from './workload.ts';

/** One run of the simulator. */
export interface SimulatorOptions {
  readonly seed: number;
  /** Whether members come and go; drawn from the seed when absent. */
  readonly membership?: boolean;
  /** Whether the members keep their logs in files on simulated disks; drawn from the seed when absent. */
  readonly disk?: boolean;
  /** Virtual milliseconds of faults; 7,000. */
  readonly chaosMs?: number;
  /** Virtual milliseconds in which the healed cluster must agree again; 30,000. */
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
  /** Virtual milliseconds from the end of the faults until all members agreed. */
  readonly healedAfterMs: number;
  /** Operations of clients whose histories were found linearizable. */
  readonly operations: number;
  /** Histories that were given up undecided: they prove nothing. */
  readonly undecided: number;
  /** How often which fault struck and which event came, by name. */
  readonly coverage: Readonly<Record<string, number>>;
}

/**
 * Runs real members over virtual time, a bad network and bad disks, all from one seed. First everything may go wrong and
 * only safety must hold; then the faults end and the members must agree again, serve, and keep their leader.
 */
export class Simulator {
  readonly #seed: number;
  readonly #chaosMs: number;
  readonly #random: Random;
  readonly #plan: FaultPlan;
  readonly #clock = new SimClock();
  readonly #coverage = new Coverage();
  readonly #invariants = new Invariants();
  readonly #members: readonly SimMember[];
  readonly #faults: SimFaults;
  readonly #membership: SimMembership;
  readonly #workload: Workload;
  readonly #clients: SimClients;
  readonly #recovery: Recovery;
  readonly #onTrace: ((line: string) => void) | null;
  #failure: unknown = null;

  /** `commitRule` is for the test that a broken rule is seen. */
  constructor(options: SimulatorOptions, commitRule: CommitRule = ownTermOnly) {
    this.#seed = options.seed;
    this.#chaosMs = options.chaosMs ?? 7_000;
    this.#onTrace = options.onTrace ?? null;
    const random = new Random(options.seed);
    this.#random = random;
    this.#plan = drawFaultPlan(random, { membership: options.membership, disk: options.disk });
    const network = new SimNetwork(this.#plan.network, this.#clock, random);
    network.onSend = (message) => this.#invariants.sent(message);
    const shared = {
      clock: this.#clock,
      network,
      random,
      invariants: this.#invariants,
      coverage: this.#coverage,
      commitRule,
      plan: this.#plan,
      fail: (error: unknown) => {
        this.#failure ??= error;
      },
      onLeader: (member: SimMember) => this.#faults.harass(member),
      trace: (line: () => string) => this.#trace(line),
    };
    this.#members = this.#makeMembers(shared);
    const parts: FaultDependencies = { ...shared, members: this.#members };
    this.#faults = new SimFaults(parts);
    this.#membership = new SimMembership(parts);
    this.#workload = new Workload(random, this.#invariants);
    this.#clients = new SimClients({ ...parts, workload: this.#workload });
    this.#recovery = new Recovery(
      { healMs: options.healMs ?? 30_000 },
      {
        ...parts,
        faults: this.#faults,
        workload: this.#workload,
        clients: this.#clients,
        play: (forMs) => this.#play(forMs),
      },
    );
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
    this.#trace(() => `the plan: ${JSON.stringify(this.#plan)}`);
    for (const member of this.#members) member.start();
    await this.#runChaos();
    const healedAfterMs = await this.#recovery.run();
    this.#clients.stop();
    await this.#closeAll();
    this.#clients.finish();
    await new Promise(setImmediate);
    this.#assertNoFailure();
    this.#workload.check();
    const { operations, undecided } = this.#judgeClients();
    const { proposed, done, reads } = this.#workload;
    return {
      seed: this.#seed,
      members: this.#members.length,
      committed: this.#invariants.committed.index,
      proposed,
      done,
      reads,
      leaderTerms: this.#invariants.leaderTerms,
      healedAfterMs,
      operations,
      undecided,
      coverage: this.#coverage.toRecord(),
    };
  }

  /** Leases bear clocks that run wrong by a known factor at most, and none that jump. */
  get #leaseDriftMax(): number | null {
    const isOn = this.#seed % 2 === 0 && !this.#plan.kinds.includes('clock step');
    return isOn ? clockRateMax / clockRateMin - 1 : null;
  }

  #makeMembers(shared: Omit<ConstructorParameters<typeof SimMember>[2], 'storage'>): SimMember[] {
    const random = this.#random;
    const { isMembershipChanging, isOnDisk, syncMsMax, trailingEntries } = this.#plan;
    const ids = Array.from({ length: random.pick([3, 3, 5]) }, (_, i) => `n${i + 1}`);
    const spares = isMembershipChanging ? ['s1', 's2', 's3'] : [];
    const common = {
      members: Object.fromEntries(ids.map((id) => [id, id])),
      timing: timingProfiles.fast,
      limits: drawLimits(random),
      compactionTrailingEntries: trailingEntries,
      snapshotEntriesMax: this.#plan.snapshotEntriesMax,
      proposalTimeoutMs: 3_000,
      readTimeoutMs: 1_000,
      leaseDriftMax: this.#leaseDriftMax,
    };
    const storageParts = { clock: this.#clock, random, syncMsMax };
    return [...ids, ...spares].map((id) => {
      const storage = isOnDisk
        ? new DiskStorage(id, storageParts)
        : new MemoryStorage(storageParts);
      return new SimMember(id, resolveOptions({ id, ...common }), { ...shared, storage });
    });
  }

  async #runChaos(): Promise<void> {
    const { strikeMeanMs, isMembershipChanging } = this.#plan;
    this.#repeat(strikeMeanMs, () => this.#faults.strike());
    this.#repeat(this.#random.pick([25, 60, 150]), () => this.#fillLog());
    this.#clients.start();
    if (isMembershipChanging) {
      this.#repeat(this.#random.pick([30, 150, 500]), () => this.#membership.strike());
    }
    await this.#play(this.#chaosMs);
  }

  /** Acts again and again while the chaos lasts. */
  #repeat(meanMs: number, act: () => void): void {
    const again = () => {
      if (this.#clock.nowMs() >= this.#chaosMs) return;
      act();
      this.#clock.setTimer(this.#random.between(0, 2 * meanMs), again);
    };
    this.#clock.setTimer(this.#random.between(0, 600), again);
  }

  #fillLog(): void {
    const up = this.#members.filter((member) => member.isUp && !member.isPaused);
    if (up.length === 0) return;
    const member = this.#random.pick(up);
    if (this.#random.chance(0.15)) this.#workload.readIndex(member);
    else this.#workload.burst(member, this.#random.chance(0.1) ? 20 : 1);
  }

  async #play(forMs: number): Promise<void> {
    await this.#clock.play(this.#clock.nowMs() + forMs);
    this.#assertNoFailure();
  }

  #assertNoFailure(): void {
    if (this.#failure !== null) throw rootOf(this.#failure);
  }

  async #closeAll(): Promise<void> {
    let isClosed = false;
    const closing = Promise.all(this.#members.map(({ node }) => node?.close())).finally(() => {
      isClosed = true;
    });
    // Disks take their time, and there may be no other event that would let it pass.
    while (!isClosed) {
      await new Promise(setImmediate);
      await this.#play(1);
    }
    await closing;
  }

  /** @throws {InvariantError} If what the clients saw has no order that registers allow. */
  #judgeClients(): { operations: number; undecided: number } {
    const { histories } = this.#clients;
    const { violations, undecided } = judgeHistories(histories);
    if (violations.length > 0) {
      const history = JSON.stringify(histories.get(violations[0]!));
      throw new InvariantError(`not linearizable: register ${violations[0]}: ${history}`);
    }
    const lengths = [...histories.values()].map((history) => history.length);
    return {
      operations: lengths.reduce((sum, length) => sum + length, 0),
      undecided: undecided.length,
    };
  }

  #trace(line: () => string): void {
    this.#onTrace?.(`${this.#clock.nowMs().toFixed(1).padStart(8)} ${line()}`);
  }
}

/** The property that was broken, when that is why the member stopped. */
function rootOf(failure: unknown): unknown {
  let error = failure;
  while (error instanceof Error && !(error instanceof InvariantError)) error = error.cause;
  return error ?? failure;
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
