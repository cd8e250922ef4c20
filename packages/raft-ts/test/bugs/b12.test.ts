import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, ofKind } from '../unit/core-bench.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

describe('B12 ABA in asynchronous appends', () => {
  it('a late completion never marks the entries durable that took the place', () => {
    const bench = new CoreBench({ members: five, log: [1, 1, 1, 1] });
    bench.core.step(appendOf('b', 2, [4, 1], [2, 2]));
    bench.run();
    const first = bench.pending!;
    bench.core.step(appendOf('c', 3, [4, 1], [3]));
    bench.run();
    expect(bench.core.state.log.stableIndex).toBe(4);
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(4);
    const early = ofKind(bench.take(), 'append-response');
    expect(early.some((m) => m.term === 3)).toBe(false);
    expect(bench.pending).toMatchObject({ truncateFrom: 5, entries: [{ index: 5, term: 3 }] });
    bench.core.appendDone(first.id);
    expect(bench.core.state.log.stableIndex).toBe(4);
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(5);
    expect(ofKind(bench.take(), 'append-response')).toMatchObject([{ term: 3, index: 5 }]);
  });

  it('a completion that is reported twice has no effect the second time', () => {
    const bench = new CoreBench();
    bench.core.step(appendOf('b', 1, [0, 0], [1]));
    bench.run();
    const { id } = bench.pending!;
    bench.sync();
    bench.core.step(appendOf('b', 1, [1, 1], [1]));
    bench.run();
    bench.core.appendDone(id);
    expect(bench.core.state.log.stableIndex).toBe(1);
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(2);
  });

  it('two overwrites while one append is in flight become one truncation', () => {
    const bench = new CoreBench({ log: [1, 1] });
    bench.core.step(appendOf('b', 2, [2, 1], [2, 2, 2]));
    bench.run();
    bench.core.step(appendOf('c', 3, [3, 2], [3]));
    bench.core.step(appendOf('b', 4, [2, 1], [4, 4]));
    bench.run();
    bench.sync();
    expect(bench.core.state.log.stableIndex).toBe(2);
    expect(bench.pending).toMatchObject({ truncateFrom: 3 });
    bench.sync();
    expect(bench.log).toEqual([1, 1, 4, 4]);
    expect([1, 2, 3, 4].map((index) => bench.store.term(index))).toEqual([1, 1, 4, 4]);
    expect(bench.core.state.log.stableIndex).toBe(4);
  });
});
