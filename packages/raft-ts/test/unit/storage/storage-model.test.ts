import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry, HardState } from '../../../src/core/types.ts';
import { SegmentLogStore } from '../../../src/storage/index.ts';
import { appendBatch, readAll, textEntry } from '../../../src/testing/log-store-contract.ts';

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append'),
      sizes: fc.array(fc.nat(900), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('overwrite'),
      back: fc.nat(20),
      sizes: fc.array(fc.nat(900), { maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('vote'),
      votedFor: fc.option(fc.string({ maxLength: 60 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('compact'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reopen') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('read'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      bytesMax: fc.nat(4000),
    }),
  },
);
type Step = {
  kind: string;
  sizes?: number[];
  back?: number;
  votedFor?: string | null;
  share?: number;
  bytesMax?: number;
};

/** A plain array beside the store. */
class Model {
  log: Entry[] = [];
  hardState: HardState = { term: 0, votedFor: null };
  compacted = 0;
  readonly #settings;
  store: SegmentLogStore;

  constructor(directory: string) {
    this.#settings = { directory, clusterId: 'c', segmentBytes: 8192, cacheBytesMax: 3000 };
    this.store = new SegmentLogStore(this.#settings);
  }

  async run({
    kind,
    sizes = [],
    back = 0,
    votedFor = null,
    share = 0,
    bytesMax = 0,
  }: Step): Promise<void> {
    if (kind === 'append') await this.#append(null, sizes);
    else if (kind === 'overwrite') {
      const from = Math.max(this.compacted, this.log.length - back) + 1;
      this.hardState = { term: this.hardState.term + 1, votedFor: null };
      await this.#append(from, sizes);
    } else if (kind === 'vote') {
      this.hardState = { term: this.hardState.term + 1, votedFor };
      await appendBatch(this.store, { hardState: this.hardState });
    } else if (kind === 'compact') {
      this.compacted = Math.max(this.compacted, Math.floor(this.log.length * share));
      await this.store.compact(this.compacted);
    } else if (kind === 'reopen') await this.#reopen();
    else
      this.#read(
        this.compacted + 1 + Math.floor((this.log.length - this.compacted) * share),
        bytesMax,
      );
  }

  async #append(truncateFrom: number | null, sizes: readonly number[]): Promise<void> {
    this.log = truncateFrom === null ? this.log : this.log.slice(0, truncateFrom - 1);
    const { term } = this.hardState;
    const entries = sizes.map((size, i) =>
      textEntry(this.log.length + 1 + i, term, `${term} `.repeat(size / 2)),
    );
    this.log = [...this.log, ...entries];
    const hardState = truncateFrom === null ? null : this.hardState;
    await appendBatch(this.store, { hardState, truncateFrom, entries });
  }

  async #reopen(): Promise<void> {
    await this.store.close();
    this.store = new SegmentLogStore(this.#settings);
    const { hardState, compacted, lastIndex, tornLog } = await this.store.open();
    expect({ hardState, lastIndex, tornLog }).toEqual({
      hardState: this.hardState,
      lastIndex: this.log.length,
      tornLog: false,
    });
    expect(compacted.index).toBeLessThanOrEqual(this.compacted);
    expect(compacted.term).toBe(this.log[compacted.index - 1]?.term ?? 0);
    const first = compacted.index + 1;
    expect(readAll(this.store, first, lastIndex)).toEqual(this.log.slice(first - 1));
  }

  #read(from: number, bytesMax: number): void {
    for (const entry of this.log.slice(this.compacted)) {
      expect(this.store.term(entry.index)).toBe(entry.term);
    }
    expect(this.store.term(this.log.length + 1)).toBeUndefined();
    if (from > this.log.length) return;
    const found = this.store.entries(from, this.log.length + 1, bytesMax);
    const expected: Entry[] = [];
    let bytes = 0;
    for (const entry of this.log.slice(from - 1)) {
      bytes += entry.data.length;
      if (expected.length > 0 && bytes > bytesMax) break;
      expected.push(entry);
    }
    expect(
      found.map(({ index, term, data }) => [index, term, Buffer.from(data).toString()]),
    ).toEqual(expected.map(({ index, term, data }) => [index, term, Buffer.from(data).toString()]));
  }

  async end(): Promise<void> {
    await this.#reopen();
    await this.store.close();
  }
}

describe('SegmentLogStore beside a plain array', () => {
  it('L1 L2: agrees after any sequence of append, overwrite, vote, compact and reopen', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-model-'));
        const model = new Model(directory);
        try {
          await model.store.open();
          for (const one of steps) await model.run(one);
          await model.end();
        } finally {
          await model.store.close();
          rmSync(directory, { recursive: true });
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
