import type { NodeId } from '../core/types.ts';
import type { ProcessFaults } from './process-faults.ts';
import type { FaultDependencies } from './sim-faults.ts';
import type { SimMember } from './sim-member.ts';

/**
 * What befalls the members' disks; each method returns whether it struck. A committed entry is always left somewhere from
 * where the rules can bring it back.
 */
export class DiskFaults {
  readonly #parts: FaultDependencies;
  readonly #processes: ProcessFaults;

  constructor(parts: FaultDependencies, processes: ProcessFaults) {
    this.#parts = parts;
    this.#processes = processes;
  }

  slow(): boolean {
    const { members, random, clock, trace } = this.#parts;
    const { storage, id } = random.pick(members);
    storage.slowness = random.pick([5, 30]);
    trace(() => `the disk of ${id} is ${storage.slowness} times slower`);
    clock.setTimer(random.between(50, 1_500), () => {
      storage.slowness = 1;
    });
    return true;
  }

  /** The member has to stop for good; after a while it is started on a disk that works. */
  refuse(code: 'ENOSPC' | 'EIO'): boolean {
    const { members, random, clock, trace } = this.#parts;
    const up = members.filter((member) => member.isUp);
    const victim = random.pick(up);
    if (victim === undefined) return false;
    trace(() => `the disk of ${victim.id} answers ${code}`);
    victim.expectDiskFault();
    victim.storage.refuse(code);
    const { life } = victim;
    clock.setTimer(random.between(10, 1_000), () => {
      if (victim.life === life) this.#processes.crash(victim);
    });
    return true;
  }

  /** What is damaged must be noticed, at the latest when the member starts again; then it is out. */
  damage(kind: 'bit-flip' | 'misdirected-write'): boolean {
    const { random, members, trace } = this.#parts;
    const victim = random.pick(members);
    if (!this.#mayBeLost(victim)) return false;
    const place = victim.storage.damage(kind);
    if (place === null) return false;
    trace(() => `${kind} on ${victim.id}: ${place}`);
    victim.isDestroyed = true;
    if (victim.isUp && random.chance(0.5)) this.#processes.crash(victim);
    return true;
  }

  /** The data directory is deleted, and the member returns under its old name: nobody may talk to it. */
  wipe(): boolean {
    const { random, members, trace } = this.#parts;
    const victim = random.pick(members);
    if (!this.#mayBeLost(victim)) return false;
    trace(() => `${victim.id} is wiped`);
    victim.wipe();
    victim.start();
    return true;
  }

  /** Power fails for up to a majority, and what it wrote last turns out torn; somebody else still holds everything. */
  tear(): boolean {
    const { members, random, trace, coverage } = this.#parts;
    const count = (members.length >> 1) + 1;
    const victims = random.shuffle(members).slice(0, random.integer(1, count));
    if (!this.#isSurvivable(victims)) return false;
    trace(() => `torn: ${victims.map((member) => member.id)}`);
    if (victims.length === count) coverage.add('fault: torn majority');
    for (const victim of victims) {
      this.#processes.crash(victim);
      victim.tear();
    }
    return true;
  }

  /** The others must be a majority of every configuration that anybody may act on, and know the victim's directory. */
  #mayBeLost(victim: SimMember): boolean {
    const { members, network, plan } = this.#parts;
    if (victim.isDestroyed) return false;
    const others = members.filter((member) => member !== victim && !member.isDestroyed);
    if (!others.every(({ id }) => network.hasMet(id, victim.id))) return false;
    const isLost = (id: NodeId) => id === victim.id || !others.some((other) => other.id === id);
    const isMinority = (half: readonly NodeId[]) => 2 * half.filter(isLost).length < half.length;
    if (!plan.isMembershipChanging) return isMinority(members.map(({ id }) => id));
    return others.every(({ state }) => {
      if (state === null) return false;
      const { voters, votersOutgoing } = state.config;
      return isMinority(voters) && (votersOutgoing.length === 0 || isMinority(votersOutgoing));
    });
  }

  /** A rule can save only what is still somewhere: an undamaged member must hold the newest committed entry. */
  #isSurvivable(victims: readonly SimMember[]): boolean {
    const { members, invariants, plan } = this.#parts;
    const { committed } = invariants;
    if (plan.isMembershipChanging) return false;
    const cutAt = Math.max(...members.map((member) => member.cutIndex));
    const areServable = victims.every(({ durable, storage, checkpointIndex }) => {
      if (storage.tearableEntries === null) return false;
      // With snapshots a member is served whatever it lacks; its own state must never be ahead of everything it has.
      const needed = plan.hasSnapshots ? 0 : cutAt;
      return durable.lastIndex - storage.tearableEntries >= Math.max(needed, checkpointIndex);
    });
    const isKept = members.some(({ durable, id }) => {
      if (victims.some((victim) => victim.id === id) || durable.isTorn) return false;
      return committed.index === 0 || durable.term(committed.index) === committed.term;
    });
    return areServable && isKept;
  }
}
