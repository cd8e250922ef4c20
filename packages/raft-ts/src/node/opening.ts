import { initialConfig } from '../core/config.ts';
import type { CoreRestored } from '../core/state.ts';
import type { SnapshotMeta } from '../core/types.ts';
import { AppliedBeyondLogError, StateBehindLogError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import type { RestoredState, StateMachine } from '../ports.ts';

/** What a member found when it started. */
export interface Found<R> {
  readonly restored: RestoredState;
  readonly stateMachine: StateMachine<R>;
  /** The newest snapshot, or null. */
  readonly snapshot: SnapshotMeta | null;
  /** Another member can send a snapshot. */
  readonly canReceive: boolean;
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
  const config = appliedConfig ?? initialConfig(options.members);
  const isConfigApplied = appliedConfig !== null;
  const state = { appliedIndex, config, isConfigApplied, snapshot };
  return { hardState, compacted, lastIndex, tornLog, ...state };
}
