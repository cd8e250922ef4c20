import type { MembershipChange } from '../core/membership.ts';
import { membersOf } from '../core/quorum.ts';
import type { ClusterConfig, NodeId } from '../core/types.ts';
import type { FaultDependencies } from './sim-faults.ts';
import type { SimMember } from './sim-member.ts';

/** Voters with their data that a run always leaves, so that it can go on while some are down. */
const votersMin = 2;

/**
 * Asks the leader for membership changes, drawn at random: members come as learners, are promoted, replaced and removed;
 * one whose data are lost is removed and never returns, since its id may still have a vote in somebody's old configuration.
 */
export class SimMembership {
  readonly #parts: FaultDependencies;

  constructor(parts: FaultDependencies) {
    this.#parts = parts;
  }

  strike(): void {
    const leader = this.#parts.members.find(
      (member) => member.state?.role === 'leader' && !member.isPaused,
    );
    if (leader === undefined || leader.node === null || leader.isDestroyed) return;
    const change = this.#draw(leader.node.status().config);
    if (change !== null) this.#ask(leader, change);
  }

  #ask(leader: SimMember, change: MembershipChange): void {
    const { invariants, members, trace, coverage } = this.#parts;
    trace(() => `${leader.id} is asked for ${JSON.stringify(change)}`);
    const [kind] = Object.keys(change);
    const leaving = [...(change.remove ?? []), ...Object.keys(change.replace ?? {})];
    const leavers = members.filter(({ id }) => leaving.includes(id));
    leader.node?.changeMembership(change).then(
      () => {
        coverage.add(`members changed: ${kind}`);
        if (leavers.some((member) => member.isDestroyed)) coverage.add('lost member removed');
      },
      () => {},
    );
    if (leader.state !== null) invariants.observe(leader.id, leader.state);
  }

  #draw(config: ClusterConfig): MembershipChange | null {
    const { members, random } = this.#parts;
    const { voters, learners } = config;
    const present = membersOf(config);
    const lost = members.filter((member) => member.isDestroyed).map(({ id }) => id);
    const outsiders = members
      .map(({ id }) => id)
      .filter((id) => {
        return !present.includes(id) && !lost.includes(id);
      });
    const kinds: MembershipChange[] = [];
    if (outsiders.length > 0) {
      const id = random.pick(outsiders);
      kinds.push({ add: { [id]: `${id}:1` } });
    }
    const healthyLearners = learners.filter((id) => !lost.includes(id));
    if (healthyLearners.length > 0) kinds.push({ promote: [random.pick(healthyLearners)] });
    // An administrator does not leave a member without its data for long.
    const lostHere = present.filter((id) => lost.includes(id));
    if (lostHere.length > 0 && random.chance(0.5)) return { remove: [random.pick(lostHere)] };
    const leavers = present.filter((id) => this.#mayLeave(id, config, lost));
    if (leavers.length > 0) kinds.push({ remove: [random.pick(leavers)] });
    const replaced = voters.filter((id) => lost.length === 0 || lost.includes(id));
    if (healthyLearners.length > 0 && replaced.length > 0) {
      kinds.push({ replace: { [random.pick(replaced)]: random.pick(healthyLearners) } });
    }
    return kinds.length === 0 ? null : random.pick(kinds);
  }

  /** Those without their data must stay a minority of the voters. */
  #mayLeave(id: NodeId, { voters }: ClusterConfig, lost: readonly NodeId[]): boolean {
    if (!voters.includes(id) || lost.includes(id)) return true;
    const remaining = voters.filter((voter) => voter !== id);
    const healthy = remaining.filter((voter) => !lost.includes(voter));
    return healthy.length >= votersMin && 2 * healthy.length > remaining.length;
  }
}
