import { isVoter, membersOf, type Vote, voteResult } from '../core/quorum.ts';
import type { RaftState } from '../core/state.ts';
import type { Index, Term } from '../core/types.ts';
import { InvariantError } from './invariants.ts';
import type { SimClients } from './sim-clients.ts';
import type { FaultDependencies, SimFaults } from './sim-faults.ts';
import type { SimMember } from './sim-member.ts';
import type { Workload } from './workload.ts';

export interface RecoveryOptions {
  /** Virtual milliseconds in which each step of the recovery must come to its end. */
  readonly healMs: number;
}

interface RecoveryDependencies extends FaultDependencies {
  readonly faults: SimFaults;
  readonly workload: Workload;
  readonly clients: SimClients;
  /** Lets virtual time pass. */
  readonly play: (forMs: number) => Promise<void>;
}

/** How often the state is looked at, virtual milliseconds. */
const pollMs = 50;
/** A leader that is left alone must lead at least this long: many election timeouts. */
const calmMs = 2_000;
/** After this long whatever was asked for in the chaos is over, a leadership transfer above all. */
const settleMs = 1_000;

/** The second half of a run: no fault strikes any more, and the cluster must come to life again in bounded time. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #parts: RecoveryDependencies;

  constructor(options: RecoveryOptions, parts: RecoveryDependencies) {
    this.#options = options;
    this.#parts = parts;
  }

  /**
   * Returns how many virtual milliseconds it took until all members agreed.
   *
   * @throws {InvariantError} If a step did not come to its end in time.
   */
  async run(): Promise<number> {
    const { faults, members, clock, coverage } = this.#parts;
    faults.end();
    const core = this.#drawCore();
    if (core !== null) {
      coverage.add('recovery of a bare majority');
      for (const member of members) {
        if (core.includes(member)) faults.revive(member);
        else faults.remove(member);
      }
      await this.#serve(core);
    }
    const startMs = clock.nowMs();
    for (const member of members) faults.revive(member);
    if (!(await this.#comeToAgree())) return clock.nowMs() - startMs;
    const healedAfterMs = clock.nowMs() - startMs;
    const present = membersOf(this.#leader()!.config);
    await this.#serve(
      members.filter(({ id, isDestroyed }) => present.includes(id) && !isDestroyed),
    );
    await this.#stayCalm();
    return healedAfterMs;
  }

  /** A majority that must be enough, when that is so: a torn member's vote counts only when all voters grant (rule L3). */
  #drawCore(): SimMember[] | null {
    const { members, random, plan } = this.#parts;
    if (plan.isMembershipChanging || plan.damage === 'torn' || random.chance(0.5)) return null;
    const healthy = members.filter((member) => !member.isDestroyed);
    return random.shuffle(healthy).slice(0, (members.length >> 1) + 1);
  }

  /** Each of these takes a proposal, and says that it is done. */
  async #serve(members: readonly SimMember[]): Promise<void> {
    const waiting = new Set(members);
    for (const member of members) this.#propose(member, waiting);
    await this.#until('does not serve', () => waiting.size === 0);
  }

  /** As a client does: until it is done. */
  #propose(member: SimMember, waiting: Set<SimMember>): void {
    const { workload, clock } = this.#parts;
    const retry = () => clock.setTimer(pollMs, () => this.#propose(member, waiting));
    if (!member.isUp) {
      retry();
      return;
    }
    workload.submit(member, { kind: 'none', key: 0, expect: 0 }).then((answer) => {
      if (typeof answer === 'string') retry();
      else waiting.delete(member);
    }, retry);
  }

  /**
   * Nobody takes the leader's place without cause, not even a voter that hears nobody and is heard by all
   * (pre-vote and leader stickiness, dissertation 4.2.3 and 9.6).
   */
  async #stayCalm(): Promise<void> {
    const { faults, network, coverage, clients, random } = this.#parts;
    // Without proposals the logs of all stay equal, so that only the rules about leaders can refuse their votes.
    if (random.chance(0.5)) clients.stop();
    await this.#parts.play(settleMs);
    await this.#agreeSoon();
    const deaf = this.#drawDeaf();
    const term = this.#leaderTerm();
    if (deaf !== undefined) {
      coverage.add('calm with a deaf voter');
      faults.deafen(deaf);
    }
    await this.#parts.play(calmMs);
    network.heal();
    await this.#parts.play(calmMs / 2);
    if (this.#leaderTerm() === term) return;
    const cause = deaf === undefined ? '' : `, ${deaf.id} heard nobody`;
    throw new InvariantError(`the leader of term ${term} was replaced without cause${cause}`);
  }

  /** A follower without which the others are a majority still. */
  #drawDeaf(): SimMember | undefined {
    const { members, random } = this.#parts;
    const leader = this.#leader()!;
    const { voters } = leader.config;
    const healthy = members.filter(({ id, isDestroyed }) => voters.includes(id) && !isDestroyed);
    if (2 * (healthy.length - 1) <= voters.length) return undefined;
    return random.pick(healthy.filter(({ id }) => id !== leader.id));
  }

  #leader(): Readonly<RaftState> | undefined {
    const states = this.#parts.members.map((member) => member.state);
    return states.find((state) => state?.role === 'leader') ?? undefined;
  }

  #leaderTerm(): Term {
    return Math.max(
      ...this.#parts.members.map(({ state, isDestroyed }) =>
        isDestroyed ? 0 : (state?.term ?? 0),
      ),
    );
  }

  /**
   * False when rule L3 leaves nobody to elect, which only a person can mend. It takes a torn voter, and a change of the voters
   * whose entry is not where the newest log is: that member does not know that it may stand, and refuses who may.
   */
  async #comeToAgree(): Promise<boolean> {
    try {
      await this.#agreeSoon();
    } catch (error) {
      if (!(error instanceof InvariantError) || this.#canElect()) throw error;
      this.#parts.coverage.add('nobody to elect beside a torn voter');
      return false;
    }
    return true;
  }

  /** Whether anybody leads, or would win if it stood and everybody answered, or no torn log is to blame. */
  #canElect(): boolean {
    const states = this.#parts.members.flatMap(({ state, isDestroyed }) =>
      state === null || isDestroyed ? [] : [state],
    );
    if (this.#leader() !== undefined || !states.some(({ tornLog }) => tornLog)) return true;
    const wins = ({ config, log }: Readonly<RaftState>): boolean => {
      const voteOf = (id: string): Vote | undefined => {
        const voter = states.find((state) => state.id === id);
        if (voter === undefined) return undefined;
        if (!voter.log.isUpToDate(log.lastIndex, log.lastTerm)) return 'refused';
        return voter.tornLog ? 'granted-torn' : 'granted';
      };
      return voteResult(config, voteOf) === 'won';
    };
    return states.some((state) => isVoter(state.config, state.id) && wins(state));
  }

  /** All follow one leader and have applied what was committed by now. */
  async #agreeSoon(): Promise<void> {
    const { members, invariants } = this.#parts;
    const { index } = invariants.committed;
    await this.#until('no agreement', () => this.#agree(index));
    for (const member of members) if (!member.isDestroyed) member.checkState();
  }

  #agree(committed: Index): boolean {
    const leader = this.#leader();
    if (leader === undefined || leader.config.votersOutgoing.length > 0) return false;
    if (!isVoter(leader.config, leader.id)) return false;
    const present = membersOf(leader.config);
    return this.#parts.members.every(({ id, state, isDestroyed }) => {
      if (isDestroyed || !present.includes(id)) return true;
      if (state === null || state.leader !== leader.id || state.tornLog) return false;
      return state.applied >= committed && state.term === leader.term;
    });
  }

  async #until(problem: string, holds: () => boolean): Promise<void> {
    const { clock, play, members } = this.#parts;
    const endMs = clock.nowMs() + this.#options.healMs;
    while (!holds()) {
      if (clock.nowMs() >= endMs) {
        const leader = this.#leader();
        const present = leader === undefined ? [] : membersOf(leader.config);
        const states = members.map(({ id, state, phase, isDestroyed }) => {
          const standing = isDestroyed ? 'lost' : present.includes(id) ? 'member' : 'outsider';
          return `${id}: ${standing} ${phase} ${state?.role} t${state?.term} commit ${state?.commit} of ${state?.log.lastIndex}`;
        });
        throw new InvariantError(`healed, but ${problem}: ${states.join('; ')}`);
      }
      await play(pollMs);
    }
  }
}
