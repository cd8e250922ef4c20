import type { ClusterConfig, NodeId } from './types.ts';

/** A vote as it was received; `torn` is rule L3: it counts only if every voter grants. */
export type Vote = 'granted' | 'granted-torn' | 'refused';
export type VoteResult = 'won' | 'lost' | 'pending';

/** The largest number that a majority of `voters` has reached; there is at least one. */
function majorityIndex(voters: readonly NodeId[], reached: (id: NodeId) => number): number {
  const sorted = voters.map(reached).sort((a, b) => b - a);
  return sorted[voters.length >> 1] as number;
}

/**
 * The largest number that a quorum has reached: of both halves while the configuration is joint. Serves matched
 * indexes, confirmed read rounds and times of last contact alike. Learners never count.
 */
export function quorumIndex(config: ClusterConfig, reached: (id: NodeId) => number): number {
  const incoming = majorityIndex(config.voters, reached);
  if (config.votersOutgoing.length === 0) return incoming;
  return Math.min(incoming, majorityIndex(config.votersOutgoing, reached));
}

function majorityVote(
  voters: readonly NodeId[],
  voteOf: (id: NodeId) => Vote | undefined,
): VoteResult {
  const needed = (voters.length >> 1) + 1;
  let granted = 0;
  let possible = 0;
  for (const id of voters) {
    const vote = voteOf(id);
    if (vote === 'granted') granted++;
    if (vote === 'granted' || vote === undefined) possible++;
  }
  if (voters.length === 0 || granted >= needed) return 'won';
  return possible >= needed ? 'pending' : 'lost';
}

function unanimousVote(
  config: ClusterConfig,
  voteOf: (id: NodeId) => Vote | undefined,
): VoteResult {
  let result: VoteResult = 'won';
  for (const id of votersOf(config)) {
    const vote = voteOf(id);
    if (vote === 'refused') return 'lost';
    if (vote === undefined) result = 'pending';
  }
  return result;
}

/** Outcome of an election: a majority of each half by whole votes, or every single voter (rule L3). */
export function voteResult(
  config: ClusterConfig,
  voteOf: (id: NodeId) => Vote | undefined,
): VoteResult {
  const incoming = majorityVote(config.voters, voteOf);
  const outgoing = majorityVote(config.votersOutgoing, voteOf);
  if (incoming === 'won' && outgoing === 'won') return 'won';
  const unanimous = unanimousVote(config, voteOf);
  if (unanimous === 'won') return 'won';
  const lost = incoming === 'lost' || outgoing === 'lost';
  return lost && unanimous === 'lost' ? 'lost' : 'pending';
}

/** Voters of both halves, each once. */
export function votersOf(config: ClusterConfig): readonly NodeId[] {
  if (config.votersOutgoing.length === 0) return config.voters;
  return [...new Set([...config.voters, ...config.votersOutgoing])];
}

/** Everybody who gets the log, each once. */
export function membersOf(config: ClusterConfig): readonly NodeId[] {
  return [...new Set([...votersOf(config), ...config.learners, ...config.learnersNext])];
}

export function isVoter(config: ClusterConfig, id: NodeId): boolean {
  return config.voters.includes(id) || config.votersOutgoing.includes(id);
}
