import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, ofKind } from '../unit/core-bench.ts';
import { snapshotAt } from '../unit/core-messages.ts';

describe('B8 a previous entry that was compacted away is taken for a conflict', () => {
  it('a request that begins in the compacted part cuts nothing and is acknowledged', () => {
    const bench = new CoreBench({ log: Array.from({ length: 20 }, () => 1), applied: 10 });
    bench.core.compact(10);
    bench.core.step(appendOf('b', 1, [7, 1], [1, 1, 1, 1, 1], 12));
    const readies = bench.run();
    expect(readies.every(({ append }) => (append?.truncateFrom ?? null) === null)).toBe(true);
    const [answer] = ofKind(bench.settle(), 'append-response');
    expect(answer).toMatchObject({ success: true, index: 10 });
    expect(bench.core.state.log.lastIndex).toBe(20);
    // From there the leader goes on, and nothing of it is new.
    bench.core.step(appendOf('b', 1, [10, 1], [1, 1], 12));
    bench.run();
    expect(bench.pending).toBeNull();
    const acknowledged = ofKind(bench.settle(), 'append-response');
    expect(acknowledged).toMatchObject([{ success: true, index: 12 }]);
    expect(bench.core.state).toMatchObject({ commit: 12 });
  });

  it('what is committed or compacted is never truncated', () => {
    const bench = new CoreBench({ log: [1, 1, 1], applied: 2 });
    bench.core.compact(2);
    expect(() => bench.core.state.truncate(2)).toThrow('committed');
    bench.step(appendOf('b', 2, [1, 1], [2, 2]));
    expect(bench.core.state.log.lastIndex).toBe(3);
    expect(bench.core.state.log.lastTerm).toBe(1);
  });

  it('after a restart behind a snapshot, a request from before it cuts nothing', () => {
    const snapshot = snapshotAt([10, 1]);
    const log = Array.from({ length: 20 }, () => 1);
    const bench = new CoreBench({ log, compacted: 10, applied: 10, snapshot });
    bench.core.step(appendOf('b', 1, [7, 1], [1, 1, 1, 1, 1], 12));
    const readies = bench.run();
    expect(readies.map(({ append }) => append)).toEqual(readies.map(() => null));
    const answers = ofKind(bench.settle(), 'append-response');
    expect(answers).toMatchObject([{ success: true, index: 10 }]);
    expect(bench.core.state.log.lastIndex).toBe(20);
  });
});
