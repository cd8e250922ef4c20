import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench } from '../unit/core-bench.ts';

describe('B26 an answer to an earlier round confirms a later read', () => {
  it('an answer to an earlier round confirms no later read, and all fail on step-down', () => {
    const bench = new CoreBench().lead('b');
    bench.acknowledge('b', 1);
    const answer = { kind: 'heartbeat-response', from: 'b', to: 'a', term: 1 } as const;
    bench.core.readIndex(1);
    bench.settle();
    bench.core.readIndex(2);
    bench.settle();
    bench.step({ ...answer, readRound: 1 });
    expect(bench.reads).toEqual([{ id: 1, index: 1 }]);
    bench.step(appendOf('c', 5, [0, 0], []));
    expect(bench.reads).toEqual([
      { id: 1, index: 1 },
      { id: 2, index: null },
    ]);
  });
});
