import type { FaultDependencies } from './sim-faults.ts';
import type { SimMember } from './sim-member.ts';
import type { StopKind } from './sim-storage.ts';

/** Crashes, pauses, and what an operator may ask for; each method returns whether it struck. */
export class ProcessFaults {
  readonly #parts: FaultDependencies;
  #isOver = false;

  constructor(parts: FaultDependencies) {
    this.#parts = parts;
  }

  /** The member is gone for a while. */
  crash(member: SimMember): void {
    if (this.#isOver) return;
    const { clock, random, coverage } = this.#parts;
    const kind = this.#drawStop();
    coverage.add(`stop: ${kind}`);
    member.crash(kind);
    const downMs = random.between(1, random.pick([100, 1_500]));
    clock.setTimer(downMs, () => {
      if (!this.#isOver) member.start();
    });
  }

  crashOne(): boolean {
    const { random } = this.#parts;
    const leader = this.#leader();
    const victim = leader !== undefined && random.chance(0.5) ? leader : random.pick(this.#up());
    if (victim === undefined) return false;
    this.crash(victim);
    return true;
  }

  crashMany(): boolean {
    const victims = this.#up().filter(() => this.#parts.random.chance(0.6));
    for (const victim of victims) this.crash(victim);
    return victims.length > 1;
  }

  /** Strikes while an append is on its way to the disk. */
  crashInWrite(): boolean {
    const { clock, random, plan, coverage } = this.#parts;
    const victim = random.pick(this.#up());
    if (victim === undefined) return false;
    victim.onNextAppend = () => {
      const { life } = victim;
      clock.setTimer(random.between(0, plan.syncMsMax), () => {
        if (victim.life !== life) return;
        coverage.add('crashed in a write');
        this.crash(victim);
      });
    };
    return true;
  }

  /** Frozen as by SIGSTOP, often for longer than an election timeout; then everything that waited comes at once. */
  pause(): boolean {
    const { clock, random } = this.#parts;
    const victim = random.pick(this.#up());
    if (victim === undefined || victim.isPaused) return false;
    victim.pause();
    clock.setTimer(random.between(20, 1500), () => victim.resume());
    return true;
  }

  transfer(): boolean {
    const { members, random, trace, coverage } = this.#parts;
    const asked = random.pick(this.#up());
    const target = random.pick(members);
    if (asked?.node === undefined || asked.node === null || asked.isPaused) return false;
    trace(() => `${asked.id} asks that ${target.id} leads`);
    asked.node.transferLeadership(target.id).then(
      () => coverage.add('leadership transferred'),
      () => {},
    );
    return true;
  }

  compact(): boolean {
    // Without snapshots a new member needs the log from its beginning.
    const { isMembershipChanging, hasSnapshots } = this.#parts.plan;
    if (isMembershipChanging && !hasSnapshots) return false;
    const member = this.#parts.random.pick(this.#up());
    if (member === undefined || member.isPaused) return false;
    member.compact();
    return true;
  }

  /** The own storage of a state machine is lost; the others have the state, and it must come back from them. */
  loseState(): boolean {
    const { random, members, plan, trace } = this.#parts;
    if (!plan.hasSnapshots || !plan.isStateDurable) return false;
    const victim = random.pick(this.#up());
    const others = members.filter((member) => member !== victim && !member.isDestroyed);
    if (victim === undefined || !others.every((other) => other.hasState)) return false;
    // What the victim's log no longer holds must be elsewhere, in a log that is not lost.
    const { cutIndex } = victim;
    if (cutIndex > 0 && !others.some(({ durable }) => durable.lastIndex >= cutIndex)) return false;
    trace(() => `${victim.id} loses its state`);
    this.crash(victim);
    victim.loseState();
    return true;
  }

  /** An operator starts a member anew and names other first members: often itself alone, which would be a majority of one. */
  misname(): boolean {
    const { random, members, trace } = this.#parts;
    const victim = random.pick(this.#up());
    if (victim === undefined) return false;
    const others = random.chance(0.5) ? [] : members.filter(() => random.chance(0.3));
    const ids = [...new Set([victim, ...others])].map(({ id }) => id);
    trace(() => `${victim.id} will be started with the members ${ids.join(', ')}`);
    this.crash(victim);
    victim.misname(Object.fromEntries(ids.map((id) => [id, id])));
    return true;
  }

  /** From now on who is down stays down until it is revived. */
  end(): void {
    this.#isOver = true;
    for (const member of this.#parts.members) {
      member.onNextAppend = null;
      member.resume();
    }
  }

  revive(member: SimMember): void {
    if (member.phase === 'failed' || member.isDiskFaulty) member.crash('process');
    member.start();
  }

  /** Power cuts tear what is being written, see `DamageKind`. */
  #drawStop(): StopKind {
    const { plan, random } = this.#parts;
    return plan.damage === 'torn' ? random.pick(['process', 'power']) : 'process';
  }

  #up(): SimMember[] {
    return this.#parts.members.filter((member) => member.isUp);
  }

  #leader(): SimMember | undefined {
    return this.#up().find((member) => member.state?.role === 'leader');
  }
}
