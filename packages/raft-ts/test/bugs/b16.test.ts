import { describe, expect, it } from 'vitest';
import { bootstrap, change, leaderWithLearner, refusal } from '../unit/membership-bench.ts';

describe('B16 a second membership change before the first is committed', () => {
  it('a second change waits for the end of the first', () => {
    const config = { ...bootstrap, learners: ['d', 'e'] };
    const bench = leaderWithLearner(config);
    bench.acknowledge('e', 1);
    const { index } = change(bench, { promote: ['d'] });
    expect(refusal(bench, { promote: ['e'] })).toBe('in-progress');
    for (const id of ['d', 'e']) bench.acknowledge(id, index);
    expect(bench.core.state.commit).toBe(index - 1);
    bench.acknowledge('b', index);
    expect(bench.core.state.commit).toBe(index);
    // Out of the joint configuration, but not on a majority yet.
    expect(refusal(bench, { promote: ['e'] })).toBe('in-progress');
    for (const id of ['b', 'd']) bench.acknowledge(id, index + 1);
    expect(refusal(bench, { promote: ['e'] })).toBe('begun');
  });
});
