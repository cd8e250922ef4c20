import { describe, expect, it } from 'vitest';
import {
  ConfigHistory,
  decodeConfig,
  encodeConfig,
  initialConfig,
  newestConfig,
} from '../../src/core/config.ts';
import { type ClusterConfig, type Entry, EntryType } from '../../src/core/types.ts';
import { CoreBench } from './core-bench.ts';

const base = initialConfig({ a: 'a:1' });
const grown = initialConfig({ a: 'a:1', b: 'b:1' });
const larger = initialConfig({ a: 'a:1', b: 'b:1', c: 'c:1' });

function entryOf(index: number, config: ClusterConfig): Entry {
  return { index, term: 1, type: EntryType.config, data: encodeConfig(config) };
}

const noop: Entry = { index: 9, term: 1, type: EntryType.noop, data: new Uint8Array(0) };

describe('the data of a configuration entry', () => {
  it('is read as it was written', () => {
    const config = { ...larger, votersOutgoing: ['a'], learners: ['d'], autoLeave: true };
    expect(decodeConfig(encodeConfig(config))).toEqual(config);
  });

  const changed = (rest: object): Uint8Array =>
    new TextEncoder().encode(JSON.stringify({ ...larger, ...rest }));

  it.each([
    ['no object', new TextEncoder().encode('7'), 'not an object'],
    ['null', new TextEncoder().encode('null'), 'not an object'],
    ['no voters', changed({ voters: [] }), 'without voters'],
    ['voters that are no list', changed({ voters: 'abc' }), 'without voters'],
    ['a voter without a name', changed({ voters: ['a', ''] }), 'without voters'],
    ['a voter that is a number', changed({ voters: ['a', 7] }), 'without voters'],
    ['outgoing that is no list', changed({ votersOutgoing: {} }), 'votersOutgoing'],
    ['learners that are no list', changed({ learners: null }), 'learners'],
    ['next learners that are no list', changed({ learnersNext: 'x' }), 'learnersNext'],
    ['a way out that is no boolean', changed({ autoLeave: 1 }), 'autoLeave'],
    ['addresses that are a list', changed({ addresses: ['a:1'] }), 'addresses'],
    ['addresses that are null', changed({ addresses: null }), 'addresses'],
    ['addresses that are a text', changed({ addresses: 'a:1' }), 'addresses'],
    ['an address that is none', changed({ addresses: { a: 'a:1', b: 7 } }), 'addresses'],
    ['a level that is no number', changed({ featureLevel: 'x' }), 'featureLevel'],
  ])('%s is refused', (_, data, problem) => {
    expect(() => decodeConfig(data)).toThrow(problem);
  });

  it('text that is no UTF-8 is refused, also within a name', () => {
    const data = encodeConfig(larger);
    data[data.indexOf('b'.charCodeAt(0))] = 0xff;
    expect(() => decodeConfig(data)).toThrow();
  });

  it('one without a generation is of the first', () => {
    const { generation, ...rest } = larger;
    expect(generation).toBe(0);
    const data = new TextEncoder().encode(JSON.stringify(rest));
    expect(decodeConfig(data).generation).toBe(0);
  });
});

describe('the newest configuration of a log', () => {
  it('is the last one that stands in it, wherever the log is cut into reads', () => {
    const configs = new Map([
      [2, grown],
      [4, larger],
    ]);
    const bench = new CoreBench({ log: [1, 1, 1, 1, 1], configs });
    const all = { compacted: { index: 0, term: 0 }, lastIndex: 5 };
    expect(newestConfig(bench.store, all, base)).toEqual(larger);
    expect(newestConfig(bench.store, { ...all, lastIndex: 4 }, base)).toEqual(larger);
    expect(newestConfig(bench.store, { ...all, lastIndex: 3 }, base)).toEqual(grown);
    expect(newestConfig(bench.store, { ...all, lastIndex: 1 }, base)).toEqual(base);
    const oneByOne = {
      term: (index: number) => bench.store.term(index),
      entries: (from: number) => bench.store.entries(from, from + 1, 1),
    };
    expect(newestConfig(oneByOne, all, base)).toEqual(larger);
    expect(newestConfig(oneByOne, { ...all, lastIndex: 4 }, base)).toEqual(larger);
    const behind = { compacted: { index: 4, term: 1 }, lastIndex: 5 };
    expect(newestConfig(bench.store, behind, base)).toEqual(base);
    const before = { compacted: { index: 3, term: 1 }, lastIndex: 5 };
    expect(newestConfig(bench.store, before, base)).toEqual(larger);
  });
});

describe('the history of configurations', () => {
  function history(): ConfigHistory {
    const configs = new ConfigHistory(base, 1);
    expect(configs.append(entryOf(3, grown))).toBe(true);
    expect(configs.append(noop)).toBe(false);
    configs.append(entryOf(5, larger));
    return configs;
  }

  it('the newest one holds, and the one before it while that may come back', () => {
    const configs = history();
    expect(configs.current).toEqual(larger);
    expect(configs.previous).toEqual(grown);
    expect([configs.currentIndex, configs.oldestIndex]).toEqual([5, 1]);
    expect([...configs.addresses.keys()]).toEqual(['a', 'b', 'c']);
    expect(new ConfigHistory(base, 1).previous).toBeNull();
  });

  it('a truncation brings back the one before, and says whether another one holds', () => {
    const configs = history();
    expect(configs.truncate(6)).toBe(false);
    expect(configs.truncate(5)).toBe(true);
    expect(configs.current).toEqual(grown);
    expect(configs.truncate(2)).toBe(true);
    expect(configs.current).toEqual(base);
    // The one that is committed stays whatever is cut.
    expect(configs.truncate(1)).toBe(false);
    expect(configs.current).toEqual(base);
  });

  it('what is committed cannot be followed by an older one any more', () => {
    const configs = history();
    expect(configs.commit(2)).toBe(false);
    expect(configs.commit(3)).toBe(true);
    expect([configs.oldestIndex, configs.currentIndex]).toEqual([3, 5]);
    expect(configs.commit(9)).toBe(true);
    expect(configs.oldestIndex).toBe(5);
    expect(configs.previous).toBeNull();
    expect(configs.commit(9)).toBe(false);
  });

  it('the applied one follows the applied index through all that were committed', () => {
    const configs = history();
    expect(configs.applied).toEqual({ index: 1, config: base });
    configs.commit(5);
    expect(configs.applied.index).toBe(1);
    configs.apply(2);
    expect(configs.applied.index).toBe(1);
    configs.apply(3);
    expect(configs.applied).toEqual({ index: 3, config: grown });
    configs.apply(4);
    expect(configs.applied.index).toBe(3);
    configs.apply(5);
    expect(configs.applied.index).toBe(5);
    configs.apply(9);
    expect(configs.applied.index).toBe(5);
  });

  it('a snapshot takes the place of everything', () => {
    const configs = history();
    configs.commit(3);
    configs.reset(base, 7);
    expect(configs.current).toEqual(base);
    expect(configs.previous).toBeNull();
    expect([configs.currentIndex, configs.oldestIndex, configs.applied.index]).toEqual([7, 7, 7]);
  });
});
