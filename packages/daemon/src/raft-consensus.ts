import type { Consensus, ConsensusStatus, MemberChange, Outcome } from '@raftwall/replicator';
import type { RaftNode } from 'raft-ts';

/** The replicated log, behind the port that the replicator declares. */
export class RaftConsensus implements Consensus {
  readonly #raft: RaftNode<Outcome>;

  constructor(raft: RaftNode<Outcome>) {
    this.#raft = raft;
  }

  async propose(command: Uint8Array): Promise<Outcome> {
    return (await this.#raft.propose(command)).result;
  }

  readIndex(): Promise<number> {
    return this.#raft.readIndex();
  }

  transferLeadership(target: string): Promise<void> {
    return this.#raft.transferLeadership(target);
  }

  quorumAgeMs(): number {
    return this.#raft.quorumAgeMs;
  }

  async changeMembers(change: MemberChange): Promise<void> {
    if (change.kind === 'add') await this.#raft.addLearner(change.id, change.address);
    else if (change.kind === 'promote') await this.#raft.promote(change.id);
    else await this.#raft.removeMember(change.id);
  }

  status(): ConsensusStatus {
    const { role, leader, term, commitIndex, appliedIndex, quorum, config, members } =
      this.#raft.status();
    const isLearner = config.learners.includes(this.#raft.id);
    return {
      role: isLearner ? 'learner' : role === 'pre-candidate' ? 'candidate' : role,
      leader,
      term,
      commitIndex,
      appliedIndex,
      quorum,
      members: members.map(({ id, role: say, matchIndex, reachable }) => ({
        id,
        address: config.addresses[id] ?? '',
        role: id === leader ? 'leader' : say === 'learner' ? 'learner' : 'follower',
        matchIndex,
        reachable: reachable || id === this.#raft.id,
      })),
    };
  }

  onChange(listener: () => void): void {
    this.#raft.on('leader', listener);
    this.#raft.on('role', listener);
    this.#raft.on('config', listener);
  }
}
