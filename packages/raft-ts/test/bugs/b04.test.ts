import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench } from '../unit/core-bench.ts';

describe('B4 a follower commits beyond the prefix that matches', () => {
  it('never beyond the prefix that the request vouches for', () => {
    const bench = new CoreBench({ log: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], term: 1 });
    bench.step(appendOf('b', 2, [9, 1], [], 11));
    expect(bench.core.state.commit).toBe(9);
  });
});
