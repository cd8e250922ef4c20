import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench } from '../unit/core-bench.ts';

describe('B7 a late duplicate cuts acknowledged entries', () => {
  it('cuts nothing that was acknowledged', () => {
    const bench = new CoreBench();
    bench.step(appendOf('b', 1, [0, 0], [1, 1, 1, 1, 1]));
    bench.core.step(appendOf('b', 1, [1, 1], [1, 1]));
    const readies = bench.run();
    expect(bench.log).toEqual([1, 1, 1, 1, 1]);
    expect(readies.every((ready) => (ready.append?.truncateFrom ?? null) === null)).toBe(true);
  });
});
