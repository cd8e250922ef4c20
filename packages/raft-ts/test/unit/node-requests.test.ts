import { describe, expect, it } from 'vitest';
import { type Entry, EntryType } from '../../src/core/types.ts';
import {
  InvalidOptionError,
  ProposalDroppedError,
  ProposalUnknownError,
  type RaftError,
} from '../../src/errors.ts';
import { ForwardInbox, Forwards } from '../../src/node/forwards.ts';
import { ProposalTable } from '../../src/node/proposal-table.ts';
import { coreOptions, resolveOptions, timingProfiles } from '../../src/options.ts';

const entry = (index: number, term: number): Entry => ({
  index,
  term,
  type: EntryType.normal,
  data: new Uint8Array(0),
});

function settler() {
  const outcome: { value: unknown } = { value: null };
  return {
    outcome,
    resolve: (applied: { result: string }) => {
      outcome.value = applied.result;
    },
    reject: (error: RaftError) => {
      outcome.value = error;
    },
  };
}

describe('ProposalTable', () => {
  it('decides by the term of the entry that was applied at the place', () => {
    const table = new ProposalTable<string>(0);
    const [kept, lost] = [settler(), settler()];
    table.add(1, 3, 100, kept);
    table.add(2, 3, 100, lost);
    table.settle([entry(1, 3), entry(2, 4)], ['one', 'two'], false);
    expect(kept.outcome.value).toBe('one');
    expect(lost.outcome.value).toBeInstanceOf(ProposalDroppedError);
    expect(table.size).toBe(0);
  });

  it('finds the result when the place becomes known after it was applied', () => {
    const table = new ProposalTable<string>(0);
    table.settle([entry(1, 3)], ['one'], true);
    const [late, tooLate] = [settler(), settler()];
    table.add(1, 3, 100, late);
    expect(late.outcome.value).toBe('one');
    table.settle([entry(2, 3)], ['two'], false);
    table.add(2, 3, 100, tooLate);
    expect(tooLate.outcome.value).toBeInstanceOf(ProposalUnknownError);
  });
});

describe('ForwardInbox', () => {
  it('lets each request of a member in once, in order, over restarts of that member', () => {
    const inbox = new ForwardInbox();
    const draws = [0.1, 0.7];
    const lives = [new Forwards(() => draws[0]!), new Forwards(() => draws[1]!)];
    const forward = { kind: 'propose', leader: 'a', answer: () => {} } as const;
    const [first, second] = [lives[0]!.add(forward, 1), lives[0]!.add(forward, 1)];
    expect(inbox.admits('b', second)).toBe(true);
    expect(inbox.admits('b', second)).toBe(false);
    expect(inbox.admits('b', first)).toBe(false);
    expect(inbox.admits('c', first)).toBe(true);
    expect(inbox.admits('b', lives[1]!.add(forward, 1))).toBe(true);
    expect(inbox.admits('b', lives[0]!.add(forward, 1))).toBe(false);
  });
});

describe('options', () => {
  const members = { a: 'a:1' };

  it('V7 timers: the profiles keep three heartbeats in an election timeout and turn into ticks', () => {
    for (const timing of Object.keys(timingProfiles) as (keyof typeof timingProfiles)[]) {
      const core = coreOptions(resolveOptions({ id: 'a', members, timing }));
      const ratio = core.electionTicksMin / core.heartbeatTicks;
      expect(ratio).toBeGreaterThanOrEqual(3);
      expect(core.electionTicksMax).toBe(2 * core.electionTicksMin);
    }
    expect(timingProfiles.default).toEqual({
      heartbeatMs: 75,
      electionTimeoutMsMin: 300,
      electionTimeoutMsMax: 600,
    });
  });

  it('names the option that cannot work', () => {
    const timing = { heartbeatMs: 100, electionTimeoutMsMin: 200, electionTimeoutMsMax: 400 };
    expect(() => resolveOptions({ id: 'a', members, timing })).toThrow(InvalidOptionError);
    expect(() => resolveOptions({ id: 'a', members, timing })).toThrow('electionTimeoutMsMin');
    const limits = { proposalsMax: 0 };
    expect(() => resolveOptions({ id: 'a', members, limits })).toThrow('limits.proposalsMax');
    expect(() => resolveOptions({ id: 'a', members: {} })).toThrow('members');
  });
});
