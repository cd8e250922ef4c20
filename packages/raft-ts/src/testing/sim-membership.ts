import type { MembershipChange } from '../core/membership.ts';
import { membersOf } from '../core/quorum.ts';
import type { ClusterConfig } from '../core/types.ts';
import type { FaultDependencies } from './sim-faults.ts';
import type { SimMember } from './sim-member.ts';

/** Voters that a run always leaves, so that it can go on while some are down. */
const votersMin = 2;

/** Asks the leader for membership changes, drawn at random: members come as learners, are promoted, replaced and removed. */
export class SimMembership {
  readonly #parts: FaultDependencies;
  #completed = 0;

  constructor(parts: FaultDependencies) {
    this.#parts = parts;
  }

  /** Changes of which the caller knows that they are done. */
  get completed(): number {
    return this.#completed;
  }

  strike(): void {
    const leader = this.#parts.members.find(
      (member) => member.state?.role === 'leader' && !member.isPaused,
    );
    if (leader?.node === undefined || leader.node === null) return;
    const change = this.#draw(leader.node.status().config);
    if (change !== null) this.#ask(leader, change);
  }

  #ask(leader: SimMember, change: MembershipChange): void {
    const { invariants, trace } = this.#parts;
    trace(() => `${leader.id} is asked for ${JSON.stringify(change)}`);
    leader.node?.changeMembership(change).then(
      () => {
        this.#completed++;
      },
      () => {},
    );
    if (leader.state !== null) invariants.observe(leader.id, leader.state);
  }

  #draw(config: ClusterConfig): MembershipChange | null {
    const { members, random } = this.#parts;
    const { voters, learners } = config;
    const present = membersOf(config);
    const outsiders = members.map(({ id }) => id).filter((id) => !present.includes(id));
    const leavers = voters.length > votersMin ? present : learners;
    const kinds: MembershipChange[] = [];
    if (outsiders.length > 0) {
      const id = random.pick(outsiders);
      kinds.push({ add: { [id]: `${id}:1` } });
    }
    if (learners.length > 0) kinds.push({ promote: [random.pick(learners)] });
    if (leavers.length > 0) kinds.push({ remove: [random.pick(leavers)] });
    if (learners.length > 0) {
      kinds.push({ replace: { [random.pick(voters)]: random.pick(learners) } });
    }
    return kinds.length === 0 ? null : random.pick(kinds);
  }
}
