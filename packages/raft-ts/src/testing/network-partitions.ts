import type { FaultDependencies } from './sim-faults.ts';
import type { SimMember } from './sim-member.ts';

/** Who can reach whom; each method returns whether it changed anything. */
export class NetworkPartitions {
  readonly #parts: FaultDependencies;

  constructor(parts: FaultDependencies) {
    this.#parts = parts;
  }

  split(): boolean {
    const { members, random, trace } = this.#parts;
    const shuffled = random.shuffle(members);
    const size = random.integer(1, members.length - 1);
    const [left, right] = [shuffled.slice(0, size), shuffled.slice(size)];
    trace(() => `partition ${left.map((m) => m.id)} | ${right.map((m) => m.id)}`);
    this.#separate(left, right);
    return true;
  }

  isolateLeader(): boolean {
    const leader = this.#parts.members.find((member) => member.state?.role === 'leader');
    if (leader === undefined) return false;
    this.isolate(leader);
    return true;
  }

  /** With it goes at most a minority. */
  isolate(leader: SimMember): void {
    this.#parts.trace(() => `leader ${leader.id} is cut off`);
    const others = this.#parts.members.filter((member) => member !== leader);
    const companions = this.#parts.random.shuffle(others).slice(0, others.length >> 2);
    const rest = others.filter((member) => !companions.includes(member));
    this.#separate([leader, ...companions], rest);
  }

  cutOneWay(): boolean {
    const { members, network, random, trace } = this.#parts;
    const [from, to] = random.shuffle(members);
    trace(() => `${from!.id} no longer reaches ${to!.id}`);
    network.cut(from!.id, to!.id);
    return true;
  }

  /** What is sent on a path comes much later, all at once. */
  clog(): boolean {
    const { members, network, random, trace, clock } = this.#parts;
    const [from, to] = random.shuffle(members);
    const untilMs = clock.nowMs() + random.between(20, random.pick([200, 2_500]));
    trace(() => `the path from ${from!.id} to ${to!.id} is clogged until ${untilMs.toFixed(1)}`);
    network.clog(from!.id, to!.id, untilMs);
    return true;
  }

  deafen(member: SimMember): void {
    for (const { id } of this.#parts.members) {
      if (id !== member.id) this.#parts.network.cut(id, member.id);
    }
  }

  heal(): boolean {
    this.#parts.network.heal();
    return true;
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
}
