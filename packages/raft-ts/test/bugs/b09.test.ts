import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import type { ClusterConfig } from '../../src/core/types.ts';
import { appendOf, CoreBench } from '../unit/core-bench.ts';

describe('B9 a stale tail is left behind a conflict', () => {
  it('the tail goes, and a configuration in it is rolled back', () => {
    const grown: ClusterConfig = initialConfig({ a: 'a', b: 'b', c: 'c', d: 'd' });
    const bench = new CoreBench({ log: [1, 1, 1, 2, 2], configs: new Map([[5, grown]]) });
    expect(bench.core.state.config.voters).toContain('d');
    bench.core.step(appendOf('b', 3, [3, 1], [3]));
    bench.run();
    expect(bench.pending).toMatchObject({ truncateFrom: 4, entries: [{ index: 4, term: 3 }] });
    bench.settle();
    expect(bench.log).toEqual([1, 1, 1, 3]);
    expect(bench.store.lastIndex).toBe(4);
    expect(bench.core.state.config.voters).toEqual(['a', 'b', 'c']);
  });
});
