import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import { quorumIndex, type Vote, voteResult } from '../../src/core/quorum.ts';
import type { ClusterConfig } from '../../src/core/types.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

function configOf(voters: string[], votersOutgoing: string[], learners: string[]): ClusterConfig {
  return { ...initialConfig({ x: 'x' }), voters, votersOutgoing, learners };
}

const configs = fc
  .tuple(
    fc.subarray(names, { minLength: 1 }),
    fc.oneof(fc.constant<string[]>([]), fc.subarray(names)),
    fc.subarray(names),
  )
  .map(([voters, outgoing, learners]) => configOf(voters, outgoing, learners));

/** By the definition: the largest index that more than half of each half has reached. */
function naiveIndex(config: ClusterConfig, reached: ReadonlyMap<string, number>): number {
  const holds = (voters: readonly string[], index: number) =>
    voters.length === 0 ||
    voters.filter((id) => (reached.get(id) ?? 0) >= index).length * 2 > voters.length;
  let best = 0;
  for (let index = 0; index <= 20; index++) {
    if (holds(config.voters, index) && holds(config.votersOutgoing, index)) best = index;
  }
  return best;
}

/** By trying all ways in which the missing votes may still come. */
function naiveVote(config: ClusterConfig, votes: ReadonlyMap<string, Vote>): string {
  const all = [...new Set([...config.voters, ...config.votersOutgoing])];
  const isWon = (of: ReadonlyMap<string, Vote>) => {
    const won = (voters: readonly string[]) =>
      voters.length === 0 ||
      voters.filter((id) => of.get(id) === 'granted').length * 2 > voters.length;
    const isUnanimous = all.every((id) => of.get(id) !== undefined && of.get(id) !== 'refused');
    return (won(config.voters) && won(config.votersOutgoing)) || isUnanimous;
  };
  if (isWon(votes)) return 'won';
  const best = new Map(votes);
  for (const id of all) if (!best.has(id)) best.set(id, 'granted');
  return isWon(best) ? 'pending' : 'lost';
}

describe('quorum', { timeout: 120_000 }, () => {
  it('B19 quorum index: equals the definition for every majority, joint configuration and learner', () => {
    const matches = fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 0, max: 20 }));
    fc.assert(
      fc.property(configs, matches, (config, match) => {
        const reached = new Map(Object.entries(match));
        expect(quorumIndex(config, (id) => reached.get(id) ?? 0)).toBe(naiveIndex(config, reached));
      }),
      { numRuns: 100_000 },
    );
  });

  it('B19 quorum index: stays right under updates in any order', () => {
    const updates = fc.array(fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 20 })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(configs, updates, (config, list) => {
        const reached = new Map<string, number>();
        for (const [id, index] of list) {
          reached.set(id, Math.max(index, reached.get(id) ?? 0));
          const found = quorumIndex(config, (member) => reached.get(member) ?? 0);
          expect(found).toBe(naiveIndex(config, reached));
        }
      }),
      { numRuns: 4_000 },
    );
  });

  it('L3 votes: equal the definition, a torn vote counting only when every voter grants', () => {
    const votes = fc.dictionary(
      fc.constantFrom(...names),
      fc.constantFrom<Vote>('granted', 'granted-torn', 'refused'),
    );
    fc.assert(
      fc.property(configs, votes, (config, record) => {
        const cast = new Map(Object.entries(record));
        expect(voteResult(config, (id) => cast.get(id))).toBe(naiveVote(config, cast));
      }),
      { numRuns: 100_000 },
    );
  });
});
