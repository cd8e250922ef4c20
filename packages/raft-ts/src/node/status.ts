import { membersOf } from '../core/quorum.ts';
import type { RaftCore } from '../core/raft.ts';
import type { ClusterConfig, Index, NodeId, Role, Term } from '../core/types.ts';
import type { Transport } from '../ports.ts';

/** A member as this one sees it. */
export interface MemberStatus {
  readonly id: NodeId;
  readonly role: 'voter' | 'learner';
  /** Known on the leader only. */
  readonly matchIndex: Index | null;
  /** On the leader: heard of within an election timeout. Elsewhere: connected. */
  readonly reachable: boolean;
  /** The log no longer holds what this member needs next; or, for this one, it lost its state and waits for one. */
  readonly needsSnapshot: boolean;
}

/** A member's view of the group and of itself, at one moment. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly leader: NodeId | null;
  readonly term: Term;
  readonly commitIndex: Index;
  readonly appliedIndex: Index;
  readonly lastIndex: Index;
  readonly stableIndex: Index;
  /** The entry before the first one that is kept. */
  readonly compactedIndex: Index;
  readonly config: ClusterConfig;
  /** Names `config` on the leader, see `RaftNode.changeMembership`. */
  readonly configId: Index;
  /** A leader with a quorum, or a follower that heard its leader, within an election timeout. */
  readonly quorum: boolean;
  /** The vote is restricted until a leader has brought this member level (rule L3). */
  readonly tornLog: boolean;
  readonly members: readonly MemberStatus[];
  /** Why the member has stopped, or null. */
  readonly stopped: Error | null;
}

export function nodeStatus(
  core: RaftCore,
  transport: Transport,
  stopped: Error | null,
): RaftStatus {
  const { state } = core;
  return {
    id: state.id,
    role: state.role,
    leader: state.leader,
    term: state.term,
    commitIndex: state.commit,
    appliedIndex: state.applied,
    lastIndex: state.log.lastIndex,
    stableIndex: state.log.stableIndex,
    compactedIndex: state.log.compacted.index,
    config: state.config,
    configId: state.configs.currentIndex,
    quorum: stopped === null && core.hasQuorum,
    tornLog: state.tornLog,
    members: memberStatuses(core, transport),
    stopped,
  };
}

function memberStatuses(core: RaftCore, transport: Transport): MemberStatus[] {
  const { config, id: self, isStateLost } = core.state;
  const known = new Map(core.members().map((member) => [member.id, member]));
  return membersOf(config).map((id) => {
    const progress = known.get(id);
    const isVoter = config.voters.includes(id) || config.votersOutgoing.includes(id);
    return {
      id,
      role: isVoter ? 'voter' : 'learner',
      matchIndex: progress?.matchIndex ?? null,
      reachable: progress?.active ?? (id === self || transport.isReachable(id)),
      needsSnapshot: (id === self && isStateLost) || (progress?.needsSnapshot ?? false),
    };
  });
}
