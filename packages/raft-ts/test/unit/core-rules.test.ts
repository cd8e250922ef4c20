import { describe, expect, it } from 'vitest';
import { appendOf, CoreBench, electionTicks, ofKind } from './core-bench.ts';

describe('rules of the log', () => {
  it('L3 torn: ends its old term, wins only with every vote, and is whole again when level', () => {
    const torn = new CoreBench({ log: [1, 1], term: 4, tornLog: true });
    expect(torn.core.state).toMatchObject({ term: 5, votedFor: null });
    const asked = ofKind(torn.tick(electionTicks), 'pre-vote');
    expect(asked.length).toBe(2);
    const answer = { to: 'a', term: 6, granted: true } as const;
    torn.step({ kind: 'pre-vote-response', from: 'b', ...answer, tornLog: true });
    expect(torn.core.state.role).toBe('pre-candidate');
    torn.step({ kind: 'pre-vote-response', from: 'c', ...answer, tornLog: false });
    expect(torn.core.state.role).toBe('candidate');

    const member = new CoreBench({ log: [1, 1], term: 4, tornLog: true });
    const request = { from: 'b', to: 'a', term: 6, lastIndex: 2, lastTerm: 1, transfer: false };
    const [vote] = ofKind(member.step({ kind: 'vote', ...request }), 'vote-response');
    expect(vote).toMatchObject({ granted: true, tornLog: true });
    member.step(appendOf('b', 6, [2, 1], [5], 3));
    expect(member.core.state.tornLog).toBe(true);
    member.core.step(appendOf('b', 6, [3, 5], [6], 4));
    const readies = member.run();
    expect(readies.some((ready) => ready.append?.clearTorn === true)).toBe(true);
    expect(member.core.state.tornLog).toBe(false);
  });

  it('L5 loop delay: forgoes at most three elections in a row', () => {
    const bench = new CoreBench();
    const roundsLate = () => {
      for (let i = 0; i < electionTicks - 1; i++) bench.core.tick();
      const isForgone = bench.core.tick(false);
      bench.settle();
      return isForgone;
    };
    expect([roundsLate(), roundsLate(), roundsLate(), roundsLate()]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(bench.core.state.role).toBe('pre-candidate');
  });

  it('limits: refuses large entries, and proposals beyond the uncommitted bytes but for the first', () => {
    const options = { entryBytesMax: 100, uncommittedBytesMax: 10 };
    const bench = new CoreBench({ options }).lead('b');
    expect(bench.core.propose(new Uint8Array(101))).toBe('too-large');
    expect(bench.core.propose(new Uint8Array(50))).toMatchObject({ index: 2 });
    expect(bench.core.propose(new Uint8Array(1))).toBe('busy');
    bench.settle();
    bench.acknowledge('b', 2);
    expect(bench.core.propose(new Uint8Array(1))).toMatchObject({ index: 3 });
  });
});
