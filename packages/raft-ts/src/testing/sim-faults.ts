import type { Invariants } from './invariants.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimMember } from './sim-member.ts';
import type { SimNetwork } from './sim-network.ts';

export interface FaultDependencies {
  readonly members: readonly SimMember[];
  readonly network: SimNetwork;
  readonly clock: SimClock;
  readonly random: Random;
  readonly invariants: Invariants;
  readonly trace: (line: () => string) => void;
  /** Members come and go: then logs stay whole, since no member can be served what is cut or torn. */
  readonly isMembershipChanging: boolean;
}

/** What goes wrong in a run, drawn at random. */
export class SimFaults {
  readonly #parts: FaultDependencies;
  readonly #kinds: (() => void)[];
  #isOver = false;

  constructor(parts: FaultDependencies) {
    this.#parts = parts;
    this.#kinds = [
      () => this.#crashOne(),
      () => this.#crashSome(),
      () => this.#partition(),
      () => this.#isolateLeader(),
      () => this.#oneWay(),
      () => this.#pauseOne(),
      () => this.#transfer(),
      () => parts.network.heal(),
    ];
    if (parts.isMembershipChanging) return;
    this.#kinds.push(() => this.#tearSome());
    this.#kinds.push(() => parts.random.pick(parts.members).compact());
  }

  strike(): void {
    this.#parts.random.pick(this.#kinds)();
  }

  /** A new leader dies or is cut off soon, often with its first entries on few members (Raft paper, figure 8). */
  harass(leader: SimMember): void {
    if (this.#isOver) return;
    const { clock, random } = this.#parts;
    const { life } = leader;
    clock.setTimer(random.between(0, random.pick([1, 80])), () => {
      if (this.#isOver || leader.life !== life || leader.state?.role !== 'leader') return;
      if (random.chance(0.3)) this.#crash(leader);
      else this.#isolate(leader);
    });
  }

  /** Ends every fault: all members run, all links work. */
  heal(): void {
    const { members, network, trace } = this.#parts;
    trace(() => 'all is healed');
    this.#isOver = true;
    network.heal();
    network.faults = { ...network.faults, lossRate: 0, duplicateRate: 0, straggleRate: 0 };
    for (const member of members) {
      member.resume();
      if (!member.isUp) member.start();
    }
  }

  #up(): SimMember[] {
    return this.#parts.members.filter((member) => member.isUp);
  }

  #leader(): SimMember | undefined {
    return this.#up().find((member) => member.state?.role === 'leader');
  }

  #crash(member: SimMember): void {
    const { clock, random } = this.#parts;
    member.crash();
    const downMs = random.pick([100, 1_500]);
    clock.setTimer(random.between(1, downMs), () => {
      if (!member.isUp) member.start();
    });
  }

  #crashOne(): void {
    const up = this.#up();
    const { random } = this.#parts;
    const leader = this.#leader();
    const victim = leader !== undefined && random.chance(0.5) ? leader : random.pick(up);
    if (victim !== undefined) this.#crash(victim);
  }

  #crashSome(): void {
    for (const member of this.#up()) if (this.#parts.random.chance(0.6)) this.#crash(member);
  }

  #pauseOne(): void {
    const { clock, random } = this.#parts;
    const victim = random.pick(this.#up());
    if (victim === undefined || victim.isPaused) return;
    victim.pause();
    clock.setTimer(random.between(20, 1500), () => victim.resume());
  }

  #partition(): void {
    const { members, random, trace } = this.#parts;
    const shuffled = random.shuffle(members);
    const size = random.integer(1, members.length - 1);
    const [left, right] = [shuffled.slice(0, size), shuffled.slice(size)];
    trace(() => `partition ${left.map((m) => m.id)} | ${right.map((m) => m.id)}`);
    this.#separate(left, right);
  }

  #isolateLeader(): void {
    const leader = this.#leader();
    if (leader !== undefined) this.#isolate(leader);
  }

  /** With it goes at most a minority. */
  #isolate(leader: SimMember): void {
    this.#parts.trace(() => `leader ${leader.id} is cut off`);
    const others = this.#parts.members.filter((member) => member !== leader);
    const companions = this.#parts.random.shuffle(others).slice(0, others.length >> 2);
    const rest = others.filter((member) => !companions.includes(member));
    this.#separate([leader, ...companions], rest);
  }

  #separate(left: readonly SimMember[], right: readonly SimMember[]): void {
    this.#parts.network.heal();
    for (const a of left) {
      for (const b of right) {
        this.#parts.network.cut(a.id, b.id);
        this.#parts.network.cut(b.id, a.id);
      }
    }
  }

  #oneWay(): void {
    const { members, network, random, trace } = this.#parts;
    const [from, to] = random.shuffle(members);
    if (from === undefined || to === undefined) return;
    trace(() => `${from.id} no longer reaches ${to.id}`);
    network.cut(from.id, to.id);
  }

  #transfer(): void {
    const { members, random, trace } = this.#parts;
    const asked = random.pick(this.#up());
    const target = random.pick(members);
    if (asked?.node === null || asked === undefined || asked.isPaused) return;
    trace(() => `${asked.id} asks that ${target.id} leads`);
    asked.node.transferLeadership(target.id).catch(() => {});
  }

  /** Power fails for a majority, and what it wrote last turns out torn; somebody else still holds everything. */
  #tearSome(): void {
    const { members, random, trace } = this.#parts;
    const count = (members.length >> 1) + 1;
    const victims = random.shuffle(members).slice(0, random.integer(1, count));
    if (!this.#isSurvivable(victims)) return;
    trace(() => `torn: ${victims.map((member) => member.id)}`);
    for (const victim of victims) {
      victim.store.crash();
      victim.store.tear();
      if (victim.isUp) this.#crash(victim);
    }
  }

  /** A rule can save only what is still somewhere: an undamaged member must hold the newest committed entry. */
  #isSurvivable(victims: readonly SimMember[]): boolean {
    const { members, invariants } = this.#parts;
    const { committed } = invariants;
    const cutAt = Math.max(...members.map((member) => member.store.restore().compacted.index));
    const areServable = victims.every(({ store, checkpoint }) => {
      return store.lastIndex - store.tearableEntries >= Math.max(cutAt, checkpoint);
    });
    const isKept = members.some((member) => {
      if (victims.includes(member) || member.store.restore().tornLog) return false;
      return committed.index === 0 || member.store.term(committed.index) === committed.term;
    });
    return areServable && isKept;
  }
}
