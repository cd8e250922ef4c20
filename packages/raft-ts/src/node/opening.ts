import { initialConfig, newestConfig } from '../core/config.ts';
import type { CoreRestored } from '../core/state.ts';
import type { SnapshotMeta } from '../core/types.ts';
import { AppliedBeyondLogError, BootstrapMismatchError, StateBehindLogError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import type { BootstrapMembers, LogStore, RestoredState, StateMachine } from '../ports.ts';

/** What a member found when it started. */
export interface Found<R> {
  readonly restored: RestoredState;
  readonly stateMachine: StateMachine<R>;
  /** The newest snapshot, or null. */
  readonly snapshot: SnapshotMeta | null;
  /** Another member can send a snapshot. */
  readonly canReceive: boolean;
}

/** What `settleBootstrap` looks at: the durable log, and what else may hold a configuration. */
export interface BootstrapParts {
  readonly store: LogStore;
  readonly stateMachine: Pick<StateMachine<unknown>, 'appliedConfig'>;
  /** The newest snapshot, or null. */
  readonly snapshot: SnapshotMeta | null;
}

/**
 * The first members count until a configuration is in the log, so they must not change under a cluster: a member that was
 * started anew with fewer of them could make itself a majority. They are kept in the data directory at the first start, and
 * what is kept is what counts from then on. Of the options an address may change, and a member that is to be added to a
 * cluster, so is none of its first ones, may name others. Returns the state with the first members that count.
 *
 * @throws {BootstrapMismatchError} If the options name others, and no configuration is at hand that makes them meaningless.
 */
export async function settleBootstrap(
  { id, members: given }: Pick<ResolvedOptions, 'id' | 'members'>,
  parts: BootstrapParts,
  restored: RestoredState,
): Promise<RestoredState> {
  const { bootstrap: kept } = restored;
  const isOutsider = kept !== null && !Object.hasOwn(kept, id) && !Object.hasOwn(given, id);
  if (kept === null || isOutsider || isSameMembers(kept, given)) {
    if (kept === null || !isSameAddresses(kept, given)) await parts.store.noteBootstrap(given);
    return { ...restored, bootstrap: given };
  }
  if (holdsConfig(parts, restored)) return restored;
  throw new BootstrapMismatchError(Object.keys(kept), Object.keys(given));
}

function isSameMembers(one: BootstrapMembers, other: BootstrapMembers): boolean {
  const ids = Object.keys(one);
  return (
    ids.length === Object.keys(other).length && ids.every((member) => Object.hasOwn(other, member))
  );
}

function isSameAddresses(one: BootstrapMembers, other: BootstrapMembers): boolean {
  return isSameMembers(one, other) && Object.keys(one).every((id) => one[id] === other[id]);
}

function holdsConfig(parts: BootstrapParts, restored: RestoredState): boolean {
  const { store, stateMachine, snapshot } = parts;
  if (stateMachine.appliedConfig !== null || snapshot !== null) return true;
  const none = initialConfig({});
  return newestConfig(store, restored, none) !== none;
}

/**
 * What the core starts from. Log, state and snapshot need not fit one another: any of them may be ahead, as a crash left them.
 *
 * @throws {AppliedBeyondLogError} If the state is ahead of everything that is durable.
 * @throws {StateBehindLogError} If entries are missing that the state needs, and nobody can make up for them.
 */
export function toCoreRestored<R>(options: ResolvedOptions, found: Found<R>): CoreRestored {
  const { restored, stateMachine, snapshot, canReceive } = found;
  const { appliedIndex, appliedConfig } = stateMachine;
  const { hardState, compacted, lastIndex, tornLog } = restored;
  const reached = snapshot?.lastIndex ?? 0;
  if (appliedIndex > Math.max(lastIndex, reached)) {
    throw new AppliedBeyondLogError(appliedIndex, lastIndex);
  }
  if (!canReceive && Math.max(appliedIndex, reached) < compacted.index) {
    throw new StateBehindLogError(appliedIndex, compacted.index);
  }
  const config = appliedConfig ?? initialConfig(restored.bootstrap ?? options.members);
  const isConfigApplied = appliedConfig !== null;
  const state = { appliedIndex, config, isConfigApplied, snapshot };
  return { hardState, compacted, lastIndex, tornLog, ...state };
}
