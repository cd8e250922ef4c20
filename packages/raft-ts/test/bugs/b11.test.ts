import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, ofKind } from '../unit/core-bench.ts';

describe('B11 acknowledged before it was durable', () => {
  it('a follower answers only after its append is done', () => {
    const bench = new CoreBench({ term: 1 });
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    expect(bench.take()).toEqual([]);
    bench.sync();
    expect(ofKind(bench.take(), 'append-response')).toMatchObject([{ success: true, index: 1 }]);
  });

  it('a leader alone commits nothing before its append is done', () => {
    const bench = new CoreBench({ members: ['a'] }).lead();
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    expect(bench.core.state.commit).toBe(1);
    expect(bench.applied.map((entry) => entry.index)).toEqual([1]);
    bench.sync();
    expect(bench.applied.map((entry) => entry.index)).toEqual([1, 2]);
  });

  it('a leader of three counts itself only after its append is done', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('b', 1);
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    const answer = { from: 'b', to: 'a', term: 1, success: true, index: 2 } as const;
    bench.core.step({ kind: 'append-response', ...answer, hintIndex: 0, hintTerm: 0 });
    bench.run();
    expect(bench.core.state.commit).toBe(1);
    bench.sync();
    expect(bench.core.state.commit).toBe(2);
  });

  it('two followers commit without the leader, which applies when it is durable', () => {
    const bench = new CoreBench().lead('b');
    bench.core.propose(Uint8Array.of(1));
    bench.run();
    for (const from of ['b', 'c']) {
      const answer = { from, to: 'a', term: 1, success: true, index: 2 } as const;
      bench.core.step({ kind: 'append-response', ...answer, hintIndex: 0, hintTerm: 0 });
    }
    bench.run();
    expect(bench.core.state.commit).toBe(2);
    expect(bench.applied.map((entry) => entry.index)).toEqual([1]);
    bench.sync();
    expect(bench.applied.map((entry) => entry.index)).toEqual([1, 2]);
  });

  it('a follower does not apply what is committed and not durable here', () => {
    const bench = new CoreBench();
    bench.core.step(appendOf('b', 1, [0, 0], [1, 1], 2));
    bench.run();
    expect(bench.core.state.commit).toBe(2);
    expect(bench.applied).toEqual([]);
    bench.sync();
    expect(bench.applied).toHaveLength(2);
  });
});
