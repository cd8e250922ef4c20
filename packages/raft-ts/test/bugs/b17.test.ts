import { describe, expect, it } from 'vitest';
import { CoreBench } from '../unit/core-bench.ts';
import { change, configEntries, joint, leaderWithLearner } from '../unit/membership-bench.ts';

describe('B17 a joint configuration is left before it is committed', () => {
  it('a new leader leaves only after its own entry is committed by both halves', () => {
    const bench = new CoreBench({ log: [1, 1], configs: new Map([[2, joint]]) }).lead(
      'b',
      'c',
      'd',
    );
    expect(configEntries(bench)).toHaveLength(1);
    bench.acknowledge('d', 3);
    expect(bench.core.state.commit).toBe(0);
    expect(configEntries(bench)).toHaveLength(1);
    bench.acknowledge('c', 3);
    expect(bench.core.state.commit).toBe(3);
    expect(configEntries(bench).map(({ votersOutgoing }) => votersOutgoing)).toEqual([
      ['a', 'b', 'c'],
      [],
    ]);
  });

  it('the joint entry alone on the leader does not lead out of it', () => {
    const bench = leaderWithLearner();
    bench.core.propose(Uint8Array.of(1));
    const { index } = change(bench, { promote: ['d'] });
    for (const id of ['b', 'd']) bench.acknowledge(id, index - 1);
    expect(bench.core.state.commit).toBe(index - 1);
    expect(bench.core.state.config.votersOutgoing).toEqual(['a', 'b', 'c']);
    expect(bench.core.state.log.lastIndex).toBe(index);
  });
});
