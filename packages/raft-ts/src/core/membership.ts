import { encodeConfig } from './config.ts';
import { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';
import { isVoter, membersOf } from './quorum.ts';
import { appendOwn, flushReplication, hasOwnTermCommit } from './replication.ts';
import type { RaftState } from './state.ts';
import { type ClusterConfig, type Entry, EntryType, type Index, type NodeId } from './types.ts';

/** What is to become of the members, in one step: all of it holds, or nothing. Each id is named once. */
export interface MembershipChange {
  /** New members that get the log and have no vote: ids to `host:port`. */
  readonly add?: Readonly<Record<NodeId, string>>;
  /** Learners that become voters; each must be level with the leader. */
  readonly promote?: readonly NodeId[];
  /** Members that leave, voters or learners. */
  readonly remove?: readonly NodeId[];
  /** Members that leave, each with the learner that becomes a voter in its place. */
  readonly replace?: Readonly<Record<NodeId, NodeId>>;
}

/**
 * Why a change was refused; it surely left no trace in the log. `not-ready`: the leader has not committed an entry of its
 * own term yet. `in-progress`: an earlier change is not complete. `conflict`: another configuration holds than was expected.
 */
export interface MembershipRefusal {
  readonly reason:
    | 'not-leader'
    | 'transferring'
    | 'not-ready'
    | 'in-progress'
    | 'conflict'
    | 'not-level'
    | 'invalid';
  /** What is wrong with the change, for `invalid` and `not-level`; else empty. */
  readonly detail: string;
}

/** A learner that lacks at most this many entries of what is committed counts as level: the rest is on its way. */
export const levelLagEntriesMax = 1000;

interface PlainChange {
  readonly added: Readonly<Record<NodeId, string>>;
  readonly promoted: readonly NodeId[];
  readonly removed: readonly NodeId[];
}

function plainChange(change: MembershipChange): PlainChange {
  const { add = {}, promote = [], remove = [], replace = {} } = change;
  return {
    added: add,
    promoted: [...promote, ...Object.values(replace)],
    removed: [...remove, ...Object.keys(replace)],
  };
}

function addressesOf(config: ClusterConfig): ClusterConfig['addresses'] {
  const known = membersOf(config).filter((id) => config.addresses[id] !== undefined);
  return Object.fromEntries(known.map((id) => [id, config.addresses[id]!]));
}

function withOwnAddresses(config: ClusterConfig): ClusterConfig {
  return { ...config, addresses: addressesOf(config) };
}

/** What is wrong with the change in this configuration, or null. */
function problemOf(config: ClusterConfig, change: PlainChange): string | null {
  const { added, promoted, removed } = change;
  const members = membersOf(config);
  const named = [...Object.keys(added), ...promoted, ...removed];
  const twice = named.find((id, i) => named.indexOf(id) !== i);
  const known = Object.keys(added).find((id) => members.includes(id));
  const unaddressed = Object.entries(added).find(([id, address]) => id === '' || address === '');
  const unlearned = promoted.find((id) => !config.learners.includes(id));
  const unknown = removed.find((id) => !members.includes(id));
  if (named.length === 0) return 'nothing would change';
  if (twice !== undefined) return `${twice} is named twice`;
  if (known !== undefined) return `${known} is a member already`;
  if (unaddressed !== undefined) return `"${unaddressed[0]}" has no id or no address`;
  if (unlearned !== undefined) return `${unlearned} is not a learner`;
  if (unknown !== undefined) return `${unknown} is not a member`;
  const hasVoter = promoted.length > 0 || config.voters.some((id) => !removed.includes(id));
  return hasVoter ? null : 'nobody would be left to vote';
}

/** The configuration to append: joint whenever the voters change (Raft paper, section 6), else the new one itself. */
function changedConfig(config: ClusterConfig, change: PlainChange): ClusterConfig {
  const { added, promoted, removed } = change;
  const stays = (id: NodeId): boolean => !removed.includes(id);
  const voters = [...config.voters.filter(stays), ...promoted];
  const remaining = config.learners.filter((id) => stays(id) && !promoted.includes(id));
  const learners = [...remaining, ...Object.keys(added)];
  const isJoint = promoted.length > 0 || voters.length !== config.voters.length;
  const votersOutgoing = isJoint ? config.voters : [];
  const addresses = { ...config.addresses, ...added };
  const learnersNext: readonly NodeId[] = [];
  return withOwnAddresses({
    ...config,
    ...{ voters, votersOutgoing, learners, learnersNext, autoLeave: isJoint, addresses },
  });
}

/** The configuration behind a joint one. */
function leaveJoint(config: ClusterConfig): ClusterConfig {
  const learners = [...config.learners, ...config.learnersNext];
  const rest = { votersOutgoing: [], learnersNext: [], autoLeave: false };
  return withOwnAddresses({ ...config, ...rest, learners });
}

/** A promoted learner that lags would hold up every commit that needs its vote. */
function laggardOf(state: RaftState, promoted: readonly NodeId[]): NodeId | undefined {
  return promoted.find((id) => {
    const peer = state.progress.get(id);
    if (peer === undefined || peer.state !== 'replicate') return true;
    return peer.match + levelLagEntriesMax < state.commit;
  });
}

function isChangeInProgress({ configs, commit, config }: RaftState): boolean {
  return configs.currentIndex > commit || config.votersOutgoing.length > 0;
}

function refusalOf(
  state: RaftState,
  change: PlainChange,
  expected: Index | null,
): MembershipRefusal | null {
  const refused = (reason: MembershipRefusal['reason'], detail = '') => ({ reason, detail });
  if (state.role !== 'leader') return refused('not-leader');
  if (state.transferTarget !== null) return refused('transferring');
  // Two leaders that each count on another configuration could commit apart, else (known flaw of early descriptions).
  if (!hasOwnTermCommit(state)) return refused('not-ready');
  if (isChangeInProgress(state)) return refused('in-progress');
  if (expected !== null && expected !== state.configs.currentIndex) return refused('conflict');
  const problem = problemOf(state.config, change);
  if (problem !== null) return refused('invalid', problem);
  const laggard = laggardOf(state, change.promoted);
  return laggard === undefined ? null : refused('not-level', laggard);
}

function proposeConfig(state: RaftState, config: ClusterConfig): Entry {
  const entry = appendOwn(state, EntryType.config, encodeConfig(config));
  trackMembers(state);
  return entry;
}

/**
 * Begins a change, one at a time; a joint configuration is left by itself. `expected` is the index of the configuration
 * that the caller has seen, or null. The entry names where the change stands.
 */
export function changeMembership(
  state: RaftState,
  change: MembershipChange,
  expected: Index | null,
): Entry | MembershipRefusal {
  const plain = plainChange(change);
  const refusal = refusalOf(state, plain, expected);
  if (refusal !== null) return refusal;
  return proposeConfig(state, changedConfig(state.config, plain));
}

/** The leader keeps a progress for every member; one that leaves keeps its own until it could learn of that. */
export function trackMembers(state: RaftState): void {
  const { inflightMessagesMax, inflightBytesMax } = state.options;
  for (const id of membersOf(state.config)) {
    if (state.progress.has(id)) continue;
    const inflights = new Inflights(inflightMessagesMax, inflightBytesMax);
    state.progress.set(id, new Progress(state.log.lastIndex + 1, state.now, inflights));
  }
}

/** The leader has committed: leaves a joint configuration, takes leave of former members, and goes when it is one. */
export function onLeaderCommit(state: RaftState): void {
  const { config, configs } = state;
  if (configs.currentIndex > state.commit) return;
  if (config.votersOutgoing.length > 0) {
    if (config.autoLeave) proposeConfig(state, leaveJoint(config));
    return;
  }
  const members = membersOf(config);
  const former = [...state.progress.keys()].filter((id) => !members.includes(id));
  const isLeaving = !isVoter(config, state.id);
  if (former.length === 0 && !isLeaving) return;
  // The last thing that former members hear: that they are.
  flushReplication(state);
  for (const id of former) state.progress.delete(id);
  if (isLeaving) stepDown(state);
}

/** Raft paper, section 6: a leader that is no member goes once the new configuration is committed. */
function stepDown(state: RaftState): void {
  const { id: from, term, log, progress, config } = state;
  const { lastIndex, lastTerm } = log;
  const heir = config.voters.find((id) => progress.get(id)?.match === lastIndex);
  if (heir !== undefined) {
    state.send.push({ kind: 'timeout-now', from, to: heir, term, lastIndex, lastTerm });
  }
  state.becomeFollower(term, null);
}
