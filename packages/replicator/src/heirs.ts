import { type ClusterState, isWitness } from './cluster-state.ts';
import type { Consensus, ConsensusMember, ConsensusStatus, Logger } from './ports.ts';

/**
 * The members that may lead in this one's place, the best first: ready ones, then level ones before others, among them one that carries traffic,
 * then who has most of the log. A witness is none: it would only give leadership away again (rules V4, V10).
 */
export function heirs(
  { members }: ConsensusStatus,
  state: ClusterState,
  self: string,
): readonly string[] {
  const holders = new Set(state.groups().map(({ released, node }) => (released ? null : node)));
  const rank = ({ id, matchIndex }: ConsensusMember): readonly number[] => [
    Number(state.member(id)?.ready === true),
    Number(state.member(id)?.level === true),
    Number(holders.has(id)),
    matchIndex ?? 0,
  ];
  const isFit = ({ id, role, reachable }: ConsensusMember): boolean =>
    id !== self && role !== 'learner' && reachable && !isWitness(state.member(id));
  return members
    .filter(isFit)
    .sort((left, right) => compareRanks(rank(right), rank(left)))
    .map(({ id }) => id);
}

/** A leader's office goes to the best heir, so that nobody has to wait for an election; without one it stays. */
export async function handLeadershipOver(
  self: string,
  {
    consensus,
    state,
    logger,
  }: {
    readonly consensus: Consensus;
    readonly state: ClusterState;
    readonly logger: Logger;
  },
): Promise<void> {
  const status = consensus.status();
  const [heir] = heirs(status, state, self);
  if (status.role !== 'leader' || heir === undefined) return;
  await consensus
    .transferLeadership(heir)
    .catch((err) => logger.warn({ err }, 'leadership could not be handed over'));
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  const place = left.findIndex((value, i) => value !== right[i]);
  return place < 0 ? 0 : left[place]! - right[place]!;
}
