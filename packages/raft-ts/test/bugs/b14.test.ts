import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench } from '../unit/core-bench.ts';
import { snapshotAt } from '../unit/core-messages.ts';
import { bootstrap, joint } from '../unit/membership-bench.ts';

describe('B14 a configuration is not rolled back with its entry', () => {
  it('an overwritten change never was, and a restart adopts it until then', () => {
    const configs = new Map([[2, joint]]);
    const bench = new CoreBench({ log: [1, 1], configs });
    expect(bench.core.state.config.voters).toEqual(['a', 'b', 'd']);
    bench.step(appendOf('c', 2, [1, 1], [2]));
    expect(bench.core.state.config).toEqual(bootstrap);
    expect(bench.run().map(({ config }) => config)).toEqual([]);
    expect([...bench.core.state.configs.addresses.keys()]).toEqual(['a', 'b', 'c']);
  });

  it('after a restart, what was applied cannot be rolled back', () => {
    const configs = new Map([[2, { ...bootstrap, learners: ['d'] }]]);
    const { state } = new CoreBench({ log: [1, 1, 1], configs, applied: 2 }).core;
    expect(state.configs.oldestIndex).toBe(2);
    expect(state.configs.previous).toBeNull();
  });

  it('a snapshot supersedes an uncommitted change: its configuration holds, and no other comes back', () => {
    // b led and appended itself out of reach; the others went on and removed b as a voter.
    const changed = { ...bootstrap, voters: ['a', 'b', 'c'], votersOutgoing: [] };
    const bench = new CoreBench({ id: 'b', log: [1, 1], configs: new Map([[2, changed]]) });
    const config = { ...bootstrap, voters: ['a', 'd'], learners: ['b'] };
    const meta = snapshotAt([25, 6], { config, configIndex: 20 });
    bench.core.step({ kind: 'snapshot', from: 'a', to: 'b', term: 6, meta });
    const told = bench.run().flatMap((ready) => ready.config ?? []);
    expect(told).toEqual([config]);
    bench.settle();
    bench.restore();
    expect(bench.core.state.configs).toMatchObject({ current: config, previous: null });
    expect(bench.tick(100)).toEqual([]);
    expect(bench.core.state).toMatchObject({ role: 'follower', term: 6 });
    // Nothing is left of the entry that was superseded, also when what follows is overwritten.
    bench.step({ ...appendOf('a', 6, [25, 6], [6, 6]), to: 'b' });
    bench.step({ ...appendOf('d', 7, [25, 6], [7]), to: 'b' });
    expect(bench.core.state.config).toEqual(config);
  });
});
