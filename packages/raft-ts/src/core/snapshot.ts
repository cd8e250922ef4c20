import { assert } from './assert.ts';
import type { Progress } from './progress.ts';
import type { RaftState } from './state.ts';
import type { Index, NodeId, SnapshotMeta } from './types.ts';

/** Leader: tells the caller, once, that this member needs a snapshot. It must be there to take it. */
export function requestSnapshot(state: RaftState, to: NodeId, peer: Progress): void {
  const isActive = state.now - peer.lastActiveTick <= state.options.electionTicksMin;
  if (peer.isSnapshotRequested || !isActive) return;
  peer.isSnapshotRequested = true;
  const from = Math.max(state.log.compacted.index, peer.wantedSnapshot);
  state.snapshotsDue.push({ to, from });
}

/**
 * Leader: the log behind this index is needed by members to whom a snapshot is on its way; cutting it off would make the
 * snapshot useless on arrival. Members that are silent have no claim.
 */
export function snapshotFloor(state: RaftState): Index {
  let floor = Number.POSITIVE_INFINITY;
  for (const peer of state.progress.values()) {
    const isActive = state.now - peer.lastActiveTick <= state.options.electionTicksMin;
    if (isActive && peer.pendingSnapshot > 0) floor = Math.min(floor, peer.pendingSnapshot);
  }
  return floor;
}

/**
 * A snapshot is durable here. What it holds is committed, whoever sent it and in whatever term, so it is never wrong to take
 * it. A log that holds its last entry stays as it is: what follows there may have been acknowledged (the log matching
 * property vouches for what precedes). Any other log conflicts with it, or ends before it, and is given up.
 *
 * @returns Whether the state machine must be restored before anything else is applied.
 */
export function installSnapshot(state: RaftState, meta: SnapshotMeta): boolean {
  const { lastIndex, lastTerm, config, configIndex } = meta;
  const isNews = lastIndex > state.commit;
  const isGivenUp = isNews && !state.log.matches(lastIndex, lastTerm);
  if (isGivenUp) {
    state.log.reset({ index: lastIndex, term: lastTerm });
    state.withdrawAcknowledgements(lastIndex + 1);
    state.configs.reset(config, configIndex);
    state.isConfigChanged = true;
  }
  if (isNews) state.commitTo(lastIndex);
  if (!state.isStateLost || lastIndex < state.log.compacted.index) return false;
  if (!isGivenUp) adoptConfig(state, meta);
  state.restoreDue = meta;
  return true;
}

/** The configuration went with the state; what this member had in its place may be out of date. */
function adoptConfig(state: RaftState, { config, configIndex, lastIndex }: SnapshotMeta): void {
  state.configs.rebase(config, configIndex, lastIndex);
  state.configs.commit(state.commit);
  state.isConfigChanged = true;
}

/** Hands out the restoration that is due once the log has made room for it. */
export function takeRestore(state: RaftState): SnapshotMeta | null {
  if (!isRestoreReady(state)) return null;
  state.restoring = state.restoreDue;
  state.restoreDue = null;
  // The snapshot holds what was handed out and is not applied yet.
  state.applying = state.applied;
  return state.restoring;
}

export function isRestoreReady(state: RaftState): boolean {
  return state.restoreDue !== null && state.restoring === null && state.log.isResetDurable;
}

/** The state machine holds the snapshot: the leader learns of it only now. */
export function onRestored(state: RaftState, index: Index): void {
  assert(state.restoring?.lastIndex === index, 'another snapshot was restored than handed out');
  state.restoring = null;
  state.applied = index;
  state.applying = index;
  state.configs.apply(index);
  state.log.trim(index);
  if (state.role === 'follower' && state.leader !== null) acknowledge(state, state.leader, index);
}

/** Tells the leader that the log is here up to `index`, as soon as it is durable. */
export function acknowledge(state: RaftState, to: NodeId, index: Index): void {
  const { id: from, term } = state;
  const kind = 'append-response';
  const answer = { kind, from, to, term, success: true, index, hintIndex: 0, hintTerm: 0 } as const;
  state.sendDurable(answer, index);
}
