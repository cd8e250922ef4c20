import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryOverheadBytes, RaftLog } from '../../src/core/log.ts';
import { type Entry, EntryType, type Term } from '../../src/core/types.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';

const dataBytes = 8;
const entryBytes = dataBytes + entryOverheadBytes;

function entryOf(index: number, term: Term): Entry {
  const data = new Uint8Array(dataBytes).fill(term);
  return { index, term, type: EntryType.normal, data };
}

/** A log over a store whose reads are counted; the append in flight is done by `sync`. */
class LogBench {
  readonly log: RaftLog;
  readonly store: MemoryLogStore;
  reads = 0;
  #commit: (() => void) | null = null;

  constructor(terms: readonly Term[] = [], tailBytesMax = 1e9, compacted = 0) {
    this.store = new MemoryLogStore((commit) => {
      this.#commit = commit;
    });
    this.store.preset(terms, { term: terms.at(-1) ?? 0, votedFor: null });
    if (compacted > 0) void this.store.compact(compacted);
    const restored = this.store.restore();
    const reader = {
      term: (index: number) => this.store.term(index),
      entries: (from: number, to: number, bytesMax: number) => {
        this.reads++;
        return this.store.entries(from, to, bytesMax);
      },
    };
    this.log = new RaftLog(reader, restored.compacted, restored.lastIndex, tailBytesMax);
  }

  append(...terms: Term[]): this {
    for (const term of terms) this.log.append(entryOf(this.log.lastIndex + 1, term));
    return this;
  }

  take(): ReturnType<RaftLog['takeAppend']> {
    const append = this.log.takeAppend();
    this.store.append({ ...append, hardState: null, clearTorn: false }, () => {});
    return append;
  }

  sync(): this {
    this.#commit?.();
    this.log.appendDone();
    return this;
  }

  get terms(): (Term | undefined)[] {
    const { lastIndex, compacted } = this.log;
    const length = lastIndex - compacted.index;
    return Array.from({ length }, (_, i) => this.log.term(compacted.index + 1 + i));
  }
}

describe('the log', () => {
  it('knows its ends, and no term outside of them', () => {
    const { log } = new LogBench([1, 1, 2, 2, 3], 1e9, 2);
    expect([log.lastIndex, log.lastTerm, log.stableIndex]).toEqual([5, 3, 5]);
    expect(log.compacted).toEqual({ index: 2, term: 1 });
    expect([0, 1, 2, 3, 4, 5, 6].map((index) => log.term(index))).toEqual([
      undefined,
      undefined,
      1,
      2,
      2,
      3,
      undefined,
    ]);
    expect(log.hasUnhanded).toBe(false);
    const empty = new LogBench().log;
    expect([empty.lastIndex, empty.lastTerm, empty.term(0)]).toEqual([0, 0, 0]);
  });

  it('hands what is new to the store once, and counts it durable when that is done', () => {
    const bench = new LogBench([1]).append(1, 2);
    expect(bench.log.hasUnhanded).toBe(true);
    expect(bench.take().entries.map(({ index }) => index)).toEqual([2, 3]);
    expect(bench.log.hasUnhanded).toBe(false);
    bench.append(2);
    expect(bench.log.stableIndex).toBe(1);
    bench.sync();
    expect(bench.log.stableIndex).toBe(3);
    expect(bench.take().entries.map(({ index }) => index)).toEqual([4]);
    bench.sync();
    expect(bench.log.stableIndex).toBe(4);
    expect(bench.take()).toEqual({ reset: null, truncateFrom: null, entries: [] });
  });

  it('a truncation of what the store never had needs no truncation there', () => {
    const bench = new LogBench([1]).append(1, 1);
    bench.log.truncate(2);
    expect(bench.log.hasUnhanded).toBe(false);
    bench.append(2);
    expect(bench.take()).toMatchObject({ truncateFrom: null, entries: [{ index: 2, term: 2 }] });
    bench.sync();
    expect(bench.terms).toEqual([1, 2]);
  });

  it('a truncation without new entries is handed out as well', () => {
    const bench = new LogBench([1, 1, 1]);
    bench.log.truncate(3);
    expect(bench.log.hasUnhanded).toBe(true);
    expect([bench.log.lastIndex, bench.log.stableIndex]).toEqual([2, 2]);
    expect(bench.take()).toMatchObject({ truncateFrom: 3, entries: [] });
    bench.sync();
    expect(bench.store.lastIndex).toBe(2);
  });

  it('two truncations before the next append become the deeper one', () => {
    const bench = new LogBench([1, 1, 1, 1]);
    bench.log.truncate(4);
    bench.append(2);
    bench.log.truncate(2);
    bench.append(3, 3);
    bench.log.truncate(3);
    expect(bench.take()).toMatchObject({ truncateFrom: 2, entries: [{ index: 2, term: 3 }] });
  });

  it('the more up to date log has the later last term, else the larger last index', () => {
    const { log } = new LogBench([1, 2, 2]);
    const asked = (index: number, term: number) => log.isUpToDate(index, term);
    expect([asked(3, 2), asked(4, 2), asked(2, 2), asked(1, 3), asked(9, 1)]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
  });

  it('the hint is the largest index whose term is not above the one asked for', () => {
    const { log } = new LogBench([1, 1, 2, 5, 5, 7]);
    const hint = (index: number, term: number) => log.findConflictByTerm(index, term).index;
    expect([hint(6, 9), hint(99, 7), hint(6, 6), hint(5, 4), hint(4, 1), hint(6, 0)]).toEqual([
      6, 6, 5, 3, 2, 0,
    ]);
    const compacted = new LogBench([1, 1, 2, 5], 1e9, 3).log;
    expect(compacted.findConflictByTerm(4, 1)).toEqual({ index: 3, term: 2 });
  });

  it('gives entries from memory and store, at least one, about as many bytes as asked for', () => {
    const bench = new LogBench([1, 1, 1]).append(2, 2, 2, 2);
    const indexes = (from: number, to: number, bytes: number) =>
      bench.log.entries(from, to, bytes).map(({ index }) => index);
    expect(indexes(4, 8, 1e9)).toEqual([4, 5, 6, 7]);
    expect(indexes(4, 8, 2 * entryBytes)).toEqual([4, 5]);
    expect(indexes(5, 8, 2 * entryBytes - 1)).toEqual([5]);
    expect(indexes(4, 8, 1)).toEqual([4]);
    expect(bench.reads).toBe(0);
    expect(indexes(2, 8, 1e9)).toEqual([2, 3]);
    expect(indexes(1, 3, 1e9)).toEqual([1, 2]);
    expect(bench.reads).toBe(2);
  });

  it('lets go of memory over its limit, and only of what is applied and durable', () => {
    const bench = new LogBench([], 3 * entryBytes).append(1, 1, 1, 1, 1, 1);
    const inMemory = (index: number): boolean => {
      const before = bench.reads;
      bench.log.entries(index, index + 1, 1);
      return bench.reads === before;
    };
    bench.log.trim(6);
    expect(inMemory(1)).toBe(true);
    bench.take();
    bench.sync();
    bench.log.trim(0);
    expect(inMemory(1)).toBe(true);
    bench.log.trim(2);
    expect([inMemory(1), inMemory(2), inMemory(3)]).toEqual([false, false, true]);
    bench.log.trim(6);
    expect([inMemory(3), inMemory(4), inMemory(5)]).toEqual([false, true, true]);
    // At the limit, not over it.
    bench.log.trim(6);
    expect(inMemory(4)).toBe(true);
    bench.append(1);
    bench.log.trim(6);
    expect([inMemory(4), inMemory(5)]).toEqual([false, true]);
    expect(bench.terms).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('counts what a truncation takes from memory', () => {
    const bench = new LogBench([], 3 * entryBytes).append(1, 1, 1, 1, 1);
    bench.take();
    bench.sync();
    bench.log.truncate(4);
    bench.append(2);
    bench.take();
    bench.sync();
    bench.log.trim(4);
    const before = bench.reads;
    bench.log.entries(2, 3, 1);
    expect(bench.reads).toBe(before);
    bench.log.entries(1, 2, 1);
    expect(bench.reads).toBe(before + 1);
    // Cut below what is in memory: nothing of it is left.
    bench.log.truncate(1);
    bench.append(3, 3, 3);
    bench.take();
    bench.sync();
    bench.log.trim(3);
    expect(bench.log.entries(1, 4, 1e9).map(({ term }) => term)).toEqual([3, 3, 3]);
    expect(bench.reads).toBe(before + 1);
  });

  it('keeps its place over thousands of entries that came and went', () => {
    const bench = new LogBench([], entryBytes);
    for (let i = 0; i < 3000; i++) {
      bench.append(1);
      bench.take();
      bench.sync();
      bench.log.trim(bench.log.lastIndex);
    }
    bench.append(2, 2);
    expect(bench.log.entries(3000, 3003, 1e9).map(({ index }) => index)).toEqual([
      3000, 3001, 3002,
    ]);
    bench.log.truncate(3001);
    bench.append(3);
    bench.take();
    bench.sync();
    expect(bench.log.entries(3000, 3002, 1e9).map(({ term }) => term)).toEqual([1, 3]);
    expect(bench.store.term(3001)).toBe(3);
  });

  it('compaction never goes back', () => {
    const { log } = new LogBench([1, 1, 2, 2]);
    log.compact(3);
    expect(log.compacted).toEqual({ index: 3, term: 2 });
    log.compact(3);
    expect(log.compacted).toEqual({ index: 3, term: 2 });
    expect(() => log.compact(2)).toThrow('unknown index');
    expect([log.term(2), log.term(3), log.term(4)]).toEqual([undefined, 2, 2]);
  });

  it('a reset begins anew behind the snapshot, durable when the store has it', () => {
    const bench = new LogBench([1, 1, 2]).append(2, 2);
    bench.take();
    bench.log.truncate(4);
    bench.log.reset({ index: 9, term: 4 });
    expect([bench.log.lastIndex, bench.log.lastTerm, bench.log.stableIndex]).toEqual([9, 4, 0]);
    expect(bench.log.isResetDurable).toBe(false);
    // The append in flight is of the log that is gone.
    bench.sync();
    expect(bench.log.isResetDurable).toBe(false);
    bench.append(4);
    expect(bench.take()).toMatchObject({
      reset: { index: 9, term: 4 },
      truncateFrom: null,
      entries: [{ index: 10 }],
    });
    bench.sync();
    expect(bench.log.isResetDurable).toBe(true);
    expect(bench.log.stableIndex).toBe(10);
    expect(bench.log.hasUnhanded).toBe(false);
    expect(bench.terms).toEqual([4]);
    expect(bench.log.entries(10, 11, 1)).toHaveLength(1);
  });

  it('all that follows a reset is handed out, however much it is', () => {
    const bench = new LogBench([1, 1, 1]);
    bench.log.reset({ index: 5, term: 2 });
    bench.append(2, 2, 2, 2);
    expect(bench.take().entries.map(({ index }) => index)).toEqual([6, 7, 8, 9]);
  });

  it('a reset is handed out even when nothing follows it', () => {
    const bench = new LogBench([1, 1]);
    bench.log.reset({ index: 5, term: 3 });
    expect(bench.log.hasUnhanded).toBe(true);
    bench.take();
    expect(bench.log.hasUnhanded).toBe(false);
    bench.sync();
    expect([bench.log.stableIndex, bench.log.isResetDurable]).toEqual([5, true]);
  });

  it('agrees with a plain list under any sequence of what can happen to it', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('disk' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('cut' as const),
          back: fc.integer({ min: 0, max: 6 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const bench = new LogBench([1, 1], 3 * entryBytes);
        const list: Term[] = [1, 1];
        let term = 1;
        let isInFlight = false;
        for (const it of steps) {
          if (it.kind === 'append') {
            bench.append(term);
            list.push(term);
          } else if (it.kind === 'cut') {
            const from = Math.max(2, list.length - it.back);
            if (from > list.length) continue;
            bench.log.truncate(from);
            list.length = from - 1;
            term++;
          } else if (it.kind === 'trim') bench.log.trim(bench.log.lastIndex);
          else if (isInFlight) {
            bench.sync();
            isInFlight = false;
          } else {
            bench.take();
            isInFlight = true;
          }
          expect(bench.terms).toEqual(list);
          expect(bench.log.lastTerm).toBe(list.at(-1));
          const { stableIndex } = bench.log;
          for (let index = 1; index <= stableIndex; index++) {
            expect(bench.store.term(index)).toBe(list[index - 1]);
          }
          if (!isInFlight && !bench.log.hasUnhanded) expect(stableIndex).toBe(list.length);
        }
      }),
      { numRuns: 300 },
    );
  });
});
