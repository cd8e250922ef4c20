import { describe, expect, it } from 'vitest';
import { CoreBench, ofKind } from '../unit/core-bench.ts';
import { beatAckOf } from '../unit/core-messages.ts';

describe('B25 a read is served before the first commit of the own term', () => {
  it('wait for the first commit of the own term', () => {
    const bench = new CoreBench({ log: [1, 1] }).lead('b');
    bench.take();
    bench.core.readIndex(1);
    expect(ofKind(bench.settle(), 'heartbeat')).toEqual([]);
    bench.acknowledge('b', 3);
    expect(bench.reads).toEqual([]);
    const answer = { kind: 'heartbeat-response', from: 'b', to: 'a', term: 2 } as const;
    bench.step({ ...answer, readRound: 1 });
    expect(bench.reads).toEqual([{ id: 1, index: 3 }]);
  });

  it('a new leader whose commit index lags behind answers with what it will have committed', () => {
    // Index 3 is committed by the old leader, which this one does not know.
    const bench = new CoreBench({ log: [1, 1, 1], applied: 1 }).lead('b');
    bench.core.readIndex(1);
    bench.settle();
    for (let round = 0; round <= 3; round++) bench.step(beatAckOf('b', 2, round));
    expect(bench.reads).toEqual([]);
    bench.acknowledge('b', 4);
    bench.step(beatAckOf('b', 2, 1));
    expect(bench.reads).toEqual([{ id: 1, index: 4 }]);
  });
});
