import { ClockFaults } from './clock-faults.ts';
import type { Coverage } from './coverage.ts';
import { DiskFaults } from './disk-faults.ts';
import type { FaultKind, FaultPlan } from './fault-plan.ts';
import type { Invariants } from './invariants.ts';
import { NetworkPartitions } from './network-partitions.ts';
import { ProcessFaults } from './process-faults.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimMember } from './sim-member.ts';
import type { SimNetwork } from './sim-network.ts';

export interface FaultDependencies {
  readonly plan: FaultPlan;
  readonly members: readonly SimMember[];
  readonly network: SimNetwork;
  readonly clock: SimClock;
  readonly random: Random;
  readonly invariants: Invariants;
  readonly coverage: Coverage;
  readonly trace: (line: () => string) => void;
}

/** Strikes at random with the kinds of faults that the plan of the run names, and ends them all. */
export class SimFaults {
  readonly #parts: FaultDependencies;
  readonly #partitions: NetworkPartitions;
  readonly #processes: ProcessFaults;
  readonly #clocks: ClockFaults;
  /** True when it found something to strike. */
  readonly #strikes: Readonly<Record<FaultKind, () => boolean>>;
  #isOver = false;

  constructor(parts: FaultDependencies) {
    this.#parts = parts;
    const partitions = new NetworkPartitions(parts);
    const processes = new ProcessFaults(parts);
    const clocks = new ClockFaults(parts);
    const disks = new DiskFaults(parts, processes);
    this.#partitions = partitions;
    this.#processes = processes;
    this.#clocks = clocks;
    this.#strikes = {
      crash: () => processes.crashOne(),
      'crash many': () => processes.crashMany(),
      'crash in a write': () => processes.crashInWrite(),
      partition: () => partitions.split(),
      'isolate the leader': () => partitions.isolateLeader(),
      'one-way cut': () => partitions.cutOneWay(),
      'clogged path': () => partitions.clog(),
      'heal the network': () => partitions.heal(),
      pause: () => processes.pause(),
      'clock drift': () => clocks.drift(),
      'clock step': () => clocks.step(),
      'late timers': () => clocks.delayTimers(),
      'leadership transfer': () => processes.transfer(),
      compaction: () => processes.compact(),
      'lost state': () => processes.loseState(),
      'torn last group': () => disks.tear(),
      'slow disk': () => disks.slow(),
      'disk full': () => disks.refuse('ENOSPC'),
      'sync error': () => disks.refuse('EIO'),
      'bit flip': () => disks.damage('bit-flip'),
      'misdirected write': () => disks.damage('misdirected-write'),
      'wiped member': () => disks.wipe(),
      'other members at a start': () => processes.misname(),
    };
  }

  strike(): void {
    const { plan, random, coverage } = this.#parts;
    if (plan.kinds.length === 0) return;
    const kind = random.pick(plan.kinds);
    if (this.#strikes[kind]()) coverage.add(`fault: ${kind}`);
  }

  /** A new leader dies or is cut off soon, often with its first entries on few members (Raft paper, figure 8). */
  harass(leader: SimMember): void {
    const { clock, random, plan, coverage } = this.#parts;
    if (this.#isOver || !random.chance(plan.harassRate)) return;
    const { life } = leader;
    clock.setTimer(random.between(0, random.pick([1, 80])), () => {
      if (this.#isOver || leader.life !== life || leader.state?.role !== 'leader') return;
      coverage.add('fault: harassed leader');
      if (random.chance(0.3)) this.#processes.crash(leader);
      else this.#partitions.isolate(leader);
    });
  }

  /** No strikes any more, no loss, no late disks and clocks; who is down or cut off stays so. */
  end(): void {
    const { network, members, trace } = this.#parts;
    trace(() => 'the faults end');
    this.#isOver = true;
    network.heal();
    network.reset();
    network.faults = { ...network.faults, lossRate: 0, duplicateRate: 0, straggleRate: 0 };
    for (const { storage } of members) storage.slowness = 1;
    this.#clocks.end();
    this.#processes.end();
  }

  /** Lets a member run that can. */
  revive(member: SimMember): void {
    this.#processes.revive(member);
  }

  /** Takes a member out until it is revived. */
  remove(member: SimMember): void {
    member.crash('process');
  }

  /** `member` is heard by all and hears nobody, until the network is healed. */
  deafen(member: SimMember): void {
    this.#partitions.deafen(member);
  }
}
