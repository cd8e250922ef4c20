import { initialConfig } from '../../src/core/config.ts';
import type { MembershipChange } from '../../src/core/membership.ts';
import type { ClusterConfig, Entry, NodeId } from '../../src/core/types.ts';
import { EntryType } from '../../src/core/types.ts';
import { CoreBench, CoreCluster, electionTicks } from './core-bench.ts';

/** Three voters. */
export const bootstrap = initialConfig({ a: 'a', b: 'b', c: 'c' });
/** On the way from `bootstrap` to one with `d` in the place of `c`. */
export const joint: ClusterConfig = {
  ...bootstrap,
  voters: ['a', 'b', 'd'],
  votersOutgoing: ['a', 'b', 'c'],
  autoLeave: true,
  addresses: { a: 'a', b: 'b', c: 'c', d: 'd' },
};

/** A leader whose first entry is committed, with a learner `d` that is level; everything so far is acknowledged by all. */
export function leaderWithLearner(
  config: ClusterConfig = { ...bootstrap, learners: ['d'] },
): CoreBench {
  const bench = new CoreBench({ config }).lead('b', 'c');
  for (const id of ['b', 'c', 'd']) bench.acknowledge(id, bench.core.state.log.lastIndex);
  return bench;
}

/** Begins a change that must not be refused. */
export function change(bench: CoreBench, what: MembershipChange): Entry {
  const begun = bench.core.changeMembership(what, null);
  if ('reason' in begun) throw new Error(`refused: ${begun.reason} ${begun.detail}`);
  return begun;
}

/** What the leader says to a change: `begun`, or why not. */
export function refusal(bench: CoreBench, what: MembershipChange, expected: number | null = null) {
  const begun = bench.core.changeMembership(what, expected);
  return 'reason' in begun ? `${begun.reason} ${begun.detail}`.trim() : 'begun';
}

/** The configurations in the log, in order. */
export function configEntries(bench: CoreBench): ClusterConfig[] {
  const { log } = bench.core.state;
  const entries = Array.from({ length: log.lastIndex }, (_, i) => log.entries(i + 1, i + 2, 1)[0]!);
  return entries
    .filter(({ type }) => type === EntryType.config)
    .map(({ data }) => JSON.parse(new TextDecoder().decode(data)) as ClusterConfig);
}

/** Members over one network; `newcomers` know the others as the first voters and are none themselves. */
export function clusterOf(ids: readonly NodeId[], newcomers: readonly NodeId[] = []): CoreCluster {
  const options = { electionTicksMax: 3 * electionTicks };
  let seed = 1;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  return new CoreCluster(
    [...ids, ...newcomers].map((id) => new CoreBench({ id, members: ids, options, random })),
  );
}
