import { describe, expect, it } from 'vitest';
import type { RaftMessage } from '../../src/core/message.ts';
import type { CoreOptions } from '../../src/core/state.ts';
import type { Entry, NodeId, Term } from '../../src/core/types.ts';
import { Random } from '../../src/testing/random.ts';
import { CoreBench, electionTicks } from '../unit/core-bench.ts';

const members = ['a', 'b', 'c', 'd', 'e'];
const steps = 600;

/** A walk through what may happen: messages are lost, doubled and late, disks are slow, members restart. */
class Walk {
  readonly random: Random;
  readonly benches: Map<NodeId, CoreBench>;
  readonly leaders = new Map<Term, { id: NodeId; log: Entry[] }>();
  readonly applied: Entry[] = [];
  readonly committedIn: Term[] = [];
  elections = 0;
  #network: RaftMessage[] = [];

  readonly #options: Partial<CoreOptions>;

  constructor(seed: number) {
    this.random = new Random(seed);
    // Every other walk is without what keeps elections rare.
    const isCalm = seed % 2 === 0;
    const electionTicksMax = 3 * electionTicks;
    this.#options = { electionTicksMax, preVote: isCalm, checkQuorum: isCalm };
    this.benches = new Map(members.map((id) => [id, this.#bench(id, {})]));
  }

  #bench(id: NodeId, restored: object): CoreBench {
    const options = this.#options;
    return new CoreBench({ id, members, options, random: () => this.random.next(), ...restored });
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random.next() * of.length)]!;
  }

  /** One thing happens to one member. */
  step(): void {
    const bench = this.benches.get(this.#pick(members))!;
    const dice = this.random.next();
    if (dice < 0.3) for (let i = 0; i < 3; i++) bench.core.tick();
    else if (dice < 0.4) bench.core.propose(Uint8Array.of(Math.floor(dice * 255)));
    else if (dice < 0.405) this.#restart(bench);
    else if (dice < 0.415) bench.core.campaign();
    else this.#deliver();
    for (const one of this.benches.values()) this.#run(one);
  }

  #deliver(): void {
    for (let i = 0; i < 4 && this.#network.length > 0; i++) {
      const at = Math.floor(this.random.next() * Math.min(this.#network.length, 12));
      const message = this.#network[at]!;
      const fate = this.random.next();
      if (fate > 0.05) this.#network.splice(at, 1);
      if (fate < 0.9) this.benches.get(message.to)!.core.step(message);
    }
    if (this.#network.length > 200) this.#network.splice(0, 100);
  }

  /** A process dies: what was not durable is gone, and with it what waited to be said. */
  #restart(bench: CoreBench): void {
    const { id, store } = bench;
    const entries = store.lastIndex === 0 ? [] : store.entries(1, store.lastIndex + 1, 1e9);
    const { term, votedFor } = store.hardState;
    const next = this.#bench(id, { log: entries.map((entry) => entry.term), term, votedFor });
    // The very entries, since their data tells two of one place and term apart.
    for (const entry of entries) {
      Object.assign(next.store.entries(entry.index, entry.index + 1, 1)[0]!, entry);
    }
    this.benches.set(id, next);
  }

  #run(bench: CoreBench): void {
    bench.run();
    if (bench.pending !== null && this.random.next() < 0.6) bench.sync();
    this.#network.push(...bench.take());
    this.#checkLeader(bench);
    for (const entry of bench.applied.splice(0)) this.#checkApplied(bench, entry);
  }

  #logOf(bench: CoreBench): Entry[] {
    const { log } = bench.core.state;
    return Array.from({ length: log.lastIndex }, (_, i) => log.entries(i + 1, i + 2, 1)[0]!);
  }

  #checkLeader(bench: CoreBench): void {
    const { role, term, log } = bench.core.state;
    if (role !== 'leader') return;
    const seen = this.leaders.get(term);
    if (seen === undefined) {
      this.elections++;
      const held = this.#logOf(bench);
      this.leaders.set(term, { id: bench.id, log: held });
      for (const [index, entry] of this.applied.entries()) {
        if (entry === undefined || this.committedIn[index]! > term) continue;
        expect(held[index - 1]?.term, 'leader completeness').toBe(entry.term);
      }
      return;
    }
    expect(seen.id, 'election safety').toBe(bench.id);
    for (const entry of seen.log) {
      expect(log.term(entry.index), 'leader append-only').toBe(entry.term);
    }
    for (let next = seen.log.length + 1; next <= log.lastIndex; next++) {
      seen.log.push(log.entries(next, next + 1, 1)[0]!);
    }
  }

  #checkApplied(bench: CoreBench, entry: Entry): void {
    const before = this.applied[entry.index];
    if (before === undefined) {
      this.applied[entry.index] = entry;
      this.committedIn[entry.index] = bench.core.state.term;
    } else {
      expect([entry.term, entry.type, ...entry.data], 'state machine safety').toEqual([
        before.term,
        before.type,
        ...before.data,
      ]);
    }
  }

  /** Compares every two logs: from the last place where the terms are equal, everything before it is. */
  checkLogMatching(): void {
    const logs = [...this.benches.values()].map((bench) => this.#logOf(bench));
    for (const [i, one] of logs.entries()) {
      for (const other of logs.slice(i + 1)) {
        let at = Math.min(one.length, other.length) - 1;
        while (at >= 0 && one[at]!.term !== other[at]!.term) at--;
        for (; at >= 0; at--) {
          expect([one[at]!.term, ...one[at]!.data], 'log matching').toEqual([
            other[at]!.term,
            ...other[at]!.data,
          ]);
        }
      }
    }
  }
}

describe('Raft paper figure 3: the properties, on random walks', { timeout: 120_000 }, () => {
  it('election safety, leader append-only, log matching, leader completeness, state machine safety', () => {
    let elections = 0;
    let applied = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const walk = new Walk(seed);
      for (let i = 0; i < steps; i++) {
        walk.step();
        if (i % 50 === 0) walk.checkLogMatching();
      }
      walk.checkLogMatching();
      elections += walk.elections;
      applied += walk.applied.length;
    }
    // The walks must get somewhere, or the properties hold for nothing.
    expect(elections).toBeGreaterThan(80);
    expect(applied).toBeGreaterThan(400);
  });
});
