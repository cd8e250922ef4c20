import { describe, expect, it } from 'vitest';
import { CoreBench, ofKind } from '../unit/core-bench.ts';

describe('B5 a heartbeat carries a commit index without a match', () => {
  it('carries no more than the match, and a receiver believes no more', () => {
    const follower = new CoreBench({ log: [1, 1, 1] });
    const beat = { from: 'b', to: 'a', term: 2, readRound: 0 } as const;
    follower.step({ kind: 'heartbeat', ...beat, commit: 3 });
    expect(follower.core.state.commit).toBe(0);
    const leader = new CoreBench({ log: [1, 1] }).lead('b');
    leader.acknowledge('b', 3);
    leader.take();
    const beats = ofKind(leader.tick(5), 'heartbeat');
    expect(beats.map((m) => [m.to, m.commit])).toEqual([
      ['b', 3],
      ['c', 0],
    ]);
  });
});
