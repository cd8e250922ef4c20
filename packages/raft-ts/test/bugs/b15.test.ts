import { describe, expect, it } from 'vitest';
import { CoreBench } from '../unit/core-bench.ts';
import { refusal } from '../unit/membership-bench.ts';

describe('B15 a membership change without a committed entry of the own term', () => {
  it('a leader changes nothing before it has committed an entry of its term', () => {
    const bench = new CoreBench().lead('b', 'c');
    expect(refusal(bench, { remove: ['c'] })).toBe('not-ready');
    bench.acknowledge('b', 1);
    expect(refusal(bench, { remove: ['c'] })).toBe('begun');
  });
});
