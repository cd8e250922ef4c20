import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import type { RaftMessage, SnapshotMessage } from '../../src/core/message.ts';
import { isWellFormed } from '../../src/core/well-formed.ts';
import { appendOf } from './core-bench.ts';
import {
  ackOf,
  ballotOf,
  beatAckOf,
  beatOf,
  preVoteOf,
  snapshotOf,
  timeoutNowOf,
  voteOf,
} from './core-messages.ts';

const badCounts = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];

/** Fields that must be counts, by a message that is well-formed. */
const countsOf: readonly [RaftMessage, readonly string[]][] = [
  [appendOf('b', 3, [1, 1], [2, 3]), ['term', 'prevIndex', 'prevTerm', 'commit']],
  [ackOf('b', 3, 1), ['term', 'index', 'hintIndex', 'hintTerm']],
  [beatOf('b', 3), ['term', 'commit', 'readRound']],
  [beatAckOf('b', 3), ['term', 'readRound']],
  [voteOf('b', 3), ['term', 'lastIndex', 'lastTerm']],
  [preVoteOf('b', 3), ['term', 'lastIndex', 'lastTerm']],
  [timeoutNowOf('b', 3, [1, 1]), ['term', 'lastIndex', 'lastTerm']],
  [ballotOf('b', 3), ['term']],
];

describe('what the core takes from a message', () => {
  it.each(countsOf)('$kind', (message, fields) => {
    expect(isWellFormed(message)).toBe(true);
    for (const field of fields) {
      for (const bad of badCounts) {
        expect(isWellFormed({ ...message, [field]: bad } as RaftMessage)).toBe(false);
      }
    }
  });

  it('entries that follow one by one, in terms that do not fall and are not above that of the request', () => {
    const request = appendOf('b', 3, [4, 2], [2, 3, 3]);
    expect(isWellFormed(request)).toBe(true);
    expect(isWellFormed({ ...request, entries: [] })).toBe(true);
    const terms = (...of: number[]) => isWellFormed(appendOf('b', 3, [4, 2], of));
    expect([terms(3), terms(2), terms(1), terms(4), terms(3, 2)]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    const [first, second] = request.entries;
    expect(isWellFormed({ ...request, entries: [first!, first!] })).toBe(false);
    expect(isWellFormed({ ...request, entries: [second!] })).toBe(false);
    expect(isWellFormed({ ...request, entries: [], prevTerm: 3 })).toBe(true);
    expect(isWellFormed({ ...request, entries: [], prevTerm: 4 })).toBe(false);
  });

  it('a snapshot of something, with a configuration that somebody votes in', () => {
    const snapshot = (rest: Partial<SnapshotMessage['meta']>, term = 3) =>
      isWellFormed(snapshotOf('b', term, [4, 2], rest));
    expect(snapshot({})).toBe(true);
    expect(snapshot({}, 2)).toBe(true);
    expect(snapshot({}, 1)).toBe(false);
    expect(snapshot({ configIndex: 4 })).toBe(true);
    expect(snapshot({ configIndex: 5 })).toBe(false);
    expect(snapshot({ lastIndex: 1 })).toBe(true);
    expect(snapshot({ lastIndex: 0 })).toBe(false);
    expect(snapshot({ config: { ...initialConfig({}), learners: ['a'] } })).toBe(false);
    expect(snapshot({ config: initialConfig({ a: 'a' }) })).toBe(true);
    for (const field of ['lastIndex', 'lastTerm', 'configIndex']) {
      for (const bad of badCounts) expect(snapshot({ [field]: bad })).toBe(false);
    }
  });
});
