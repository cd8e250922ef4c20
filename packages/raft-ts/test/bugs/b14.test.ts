import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench } from '../unit/core-bench.ts';
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
});
