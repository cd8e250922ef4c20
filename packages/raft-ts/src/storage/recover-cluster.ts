import { encodeConfig, initialConfig, newestConfig } from '../core/config.ts';
import {
  type ClusterConfig,
  type Entry,
  EntryType,
  type Index,
  type NodeId,
  type SnapshotMeta,
} from '../core/types.ts';
import { InvalidOptionError } from '../errors.ts';
import type { AppendBatch, LogStore, RestoredState, SnapshotStore } from '../ports.ts';
import { parseAddress } from '../transport/address.ts';
import { type SegmentLogDependencies, SegmentLogStore } from './segment-log-store.ts';

/** Which member goes on, and as what. */
export interface RecoverOptions {
  /** Directory of the surviving member's log; the member must not be running. */
  readonly directory: string;
  readonly clusterId: string;
  /** The voters from now on, ids to `host:port`; as a rule the surviving member alone. */
  readonly members: Readonly<Record<NodeId, string>>;
  /** The newest configuration that the state machine keeps, its `appliedConfig`; null or absent when it keeps none. */
  readonly appliedConfig?: ClusterConfig | null;
}

/** What a recovery works with; the defaults are the real ones, and no snapshots. */
export interface RecoverDependencies extends Partial<SegmentLogDependencies> {
  /** The member's snapshots, if it keeps any; opened and closed here. */
  readonly snapshots?: SnapshotStore;
}

/** What the surviving member goes on from. */
export interface Recovery {
  /** In force from the next start on; its `generation` is above every earlier one. */
  readonly config: ClusterConfig;
  readonly configIndex: Index;
  readonly term: number;
  /** The newest entry that was found. Everything up to it now counts as committed, and whatever lay behind it is lost. */
  readonly lastIndex: Index;
  /** A crash had torn the log's end: an entry that was acknowledged may be missing (rule L3). */
  readonly wasTorn: boolean;
}

/**
 * Makes a cluster out of one member whose majority is lost for good (rule L4): writes a configuration of a raised generation
 * to the end of its log. The other members of the old cluster are refused by the handshake from then on; they come back only
 * with an empty directory, as new members.
 *
 * **This gives up what Raft promises.** Commands that were acknowledged are lost if this member did not have them, and
 * commands that were never acknowledged count as committed if it had. Run it on one member only, the one with the longest
 * log, after every other one was stopped: two recovered members are two clusters that both call themselves the right one.
 *
 * @throws {StorageLockedError} If the member is running.
 * @throws {StorageCorruptionError | StorageIdentityError | StorageFormatError | StorageFailedError} As the log's `open`.
 * @throws {InvalidOptionError} If there is no member, or an address is not `host:port`.
 */
export async function recoverCluster(
  options: RecoverOptions,
  { snapshots, ...dependencies }: RecoverDependencies = {},
): Promise<Recovery> {
  const { directory, clusterId, members } = options;
  assertMembers(members);
  const store = new SegmentLogStore({ directory, clusterId }, dependencies);
  const restored = await store.open();
  try {
    const snapshot = (await snapshots?.open()) ?? null;
    const isBehind = snapshot !== null && isGivenUp(store, restored, snapshot);
    const base = newerOf(options.appliedConfig ?? initialConfig(members), snapshot?.config);
    const old = isBehind ? snapshot.config : newestConfig(store, restored, base);
    const lastIndex = isBehind ? snapshot.lastIndex : restored.lastIndex;
    if (isBehind) await resetTo(store, snapshot);
    return await appendConfig(store, restored, lastIndex, {
      ...initialConfig(members),
      featureLevel: old.featureLevel,
      generation: old.generation + 1,
    });
  } finally {
    await snapshots?.close();
    await store.close();
  }
}

function newerOf(one: ClusterConfig, other: ClusterConfig | undefined): ClusterConfig {
  return other !== undefined && other.generation >= one.generation ? other : one;
}

/** The log ends before the snapshot, or conflicts with it: a start gives it up, with everything that is appended to it. */
function isGivenUp(
  store: LogStore,
  { compacted }: RestoredState,
  { lastIndex, lastTerm }: SnapshotMeta,
): boolean {
  return lastIndex > compacted.index && store.term(lastIndex) !== lastTerm;
}

/** A crash may have come between a snapshot that was received and the reset of the log, which is made up for here. */
function resetTo(store: LogStore, { lastIndex, lastTerm }: SnapshotMeta): Promise<void> {
  return append(store, { ...nothing, reset: { index: lastIndex, term: lastTerm } });
}

const nothing: AppendBatch = {
  ...{ hardState: null, reset: null, truncateFrom: null, entries: [], clearTorn: false },
};

function assertMembers(members: RecoverOptions['members']): void {
  if (Object.keys(members).length === 0) {
    throw new InvalidOptionError('members', 'at least one member', '{}');
  }
  for (const [id, address] of Object.entries(members)) {
    if (id !== '' && parseAddress(address) !== null) continue;
    throw new InvalidOptionError(`members.${id}`, 'host:port', address);
  }
}

async function appendConfig(
  store: LogStore,
  { hardState, tornLog: wasTorn }: RestoredState,
  lastIndex: Index,
  config: ClusterConfig,
): Promise<Recovery> {
  const term = Math.max(hardState.term, store.term(lastIndex) ?? 0) + 1;
  const configIndex = lastIndex + 1;
  const data = encodeConfig(config);
  const entry: Entry = { index: configIndex, term, type: EntryType.config, data };
  // What a tear took will never come: there is no leader that could bring it.
  const clearTorn = wasTorn;
  await append(store, {
    ...nothing,
    ...{ hardState: { term, votedFor: null }, entries: [entry], clearTorn },
  });
  return { config, configIndex, term, lastIndex, wasTorn };
}

function append(store: LogStore, batch: AppendBatch): Promise<void> {
  return new Promise((resolve, reject) => {
    store.append(batch, (error) => (error === null ? resolve() : reject(error)));
  });
}
