import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import type { ClusterConfig } from '../../src/core/types.ts';
import { ConfigChangeInProgressError, LearnerNotLevelError } from '../../src/errors.ts';
import { Promoter } from '../../src/node/promoter.ts';
import { SimClock } from '../../src/testing/sim-clock.ts';
import { ClockedCluster } from './clocked-cluster.ts';

const founders = ['a', 'b', 'c'];

describe('a learner that is to become a voter', () => {
  it('does so by itself when it is level, dissertation 4.2.1', async () => {
    const cluster = new ClockedCluster(founders, { autoPromote: true });
    const leader = await cluster.elect();
    for (let i = 0; i < 50; i++) void leader.node.propose(Uint8Array.of(i));
    await cluster.run(100);
    const promoted: string[] = [];
    leader.node.on('learnerPromoted', (id) => promoted.push(id));
    const newcomer = cluster.start('d');
    await Promise.all([leader.node.addLearner('d', 'd:1'), cluster.run(50)]);
    expect(leader.node.status().config.learners).toEqual(['d']);
    await cluster.run(2_000);
    expect(promoted).toEqual(['d']);
    expect(leader.node.status().config).toMatchObject({ voters: [...founders, 'd'], learners: [] });
    expect(newcomer.machine.applied.length).toBeGreaterThan(50);
  });

  it('is left alone while it cannot be reached, and made a voter when it can', async () => {
    const cluster = new ClockedCluster(founders, { autoPromote: (id) => id === 'd' });
    const leader = await cluster.elect();
    const givenUp: string[] = [];
    leader.node.on('promotionGivenUp', (id, why) => givenUp.push(`${id} ${why}`));
    for (const id of ['d', 'e']) {
      await Promise.all([leader.node.addLearner(id, `${id}:1`), cluster.run(50)]);
    }
    await cluster.run(6_000);
    // Seconds apart, each wait twice as long as the one before.
    expect(givenUp).toEqual(['d unreachable', 'd unreachable', 'd unreachable', 'd unreachable']);
    expect(leader.node.status().config.learners).toEqual(['d', 'e']);
    cluster.start('d');
    cluster.start('e');
    await cluster.run(10_000);
    expect(leader.node.status().config).toMatchObject({
      voters: [...founders, 'd'],
      learners: ['e'],
    });
  });
});

/** A leader whose learner `l` and whose clock do what the test says. */
class Bench {
  readonly clock = new SimClock();
  readonly member = { id: 'l', matchIndex: 0, active: true, needsSnapshot: false };
  readonly state = {
    role: 'leader',
    commit: 0,
    config: { ...initialConfig({ a: 'a:1' }), learners: ['l'] },
  };
  readonly promotions: number[] = [];
  readonly givenUp: string[] = [];
  answer: () => Promise<ClusterConfig> = () => Promise.resolve(this.state.config);
  readonly #promoter = new Promoter(
    {
      ...{ isWanted: () => true, levelMsMax: 300, roundsMax: 3, roundMsMax: 5_000 },
      ...{ retryMsMin: 1_000, retryMsMax: 3_000 },
    },
    {
      core: { state: this.state as never, members: () => [this.member] as never },
      clock: this.clock,
      promote: () => {
        this.promotions.push(this.clock.nowMs());
        return this.answer();
      },
      onPromoted: () => {},
      onGivenUp: (_, why) => this.givenUp.push(`${this.clock.nowMs()} ${why}`),
    },
  );

  /** Runs for so long; at each tick the learner holds what was committed `lagMs` before, at an entry a millisecond. */
  async run(ms: number, lagMs: number): Promise<void> {
    for (const end = this.clock.nowMs() + ms; this.clock.nowMs() < end; ) {
      this.clock.runUntil(this.clock.nowMs() + 10);
      this.state.commit = this.clock.nowMs();
      this.member.matchIndex = Math.max(0, this.clock.nowMs() - lagMs);
      this.#promoter.onTick();
      await Promise.resolve();
      await Promise.resolve();
    }
  }
}

describe('Promoter', () => {
  it('waits for a round that takes no longer than an election', async () => {
    const bench = new Bench();
    await bench.run(1_500, 500);
    expect(bench.promotions).toEqual([]);
    await bench.run(500, 200);
    expect(bench.promotions).toHaveLength(1);
    expect(bench.givenUp).toEqual([]);
  });

  it('gives up after so many rounds, waits longer each time, and tries again', async () => {
    const bench = new Bench();
    await bench.run(20_000, 500);
    const times = bench.givenUp.map((line) => Number(line.split(' ')[0]));
    expect(bench.givenUp.every((line) => line.endsWith('too-slow'))).toBe(true);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    // Three rounds of half a second, after waits of one, two and then three seconds.
    expect(gaps.slice(0, 4).map((gap) => Math.round(gap / 1_000 - 1.5))).toEqual([1, 2, 3, 3]);
    expect(bench.promotions).toEqual([]);
    await bench.run(3_500, 0);
    expect(bench.promotions).toHaveLength(1);
  });

  it('gives up a round that does not end', async () => {
    const bench = new Bench();
    await bench.run(6_000, 1e9);
    expect(bench.givenUp).toEqual([expect.stringContaining('too-slow')]);
  });

  it('asks again at once when the change must wait, and later when it failed', async () => {
    const bench = new Bench();
    const errors = [new LearnerNotLevelError('l'), new ConfigChangeInProgressError('transferring')];
    bench.answer = () => Promise.reject(errors.shift() ?? new Error('a defect'));
    await bench.run(1_000, 0);
    expect(bench.promotions).toHaveLength(3);
    await bench.run(1_000, 0);
    expect(bench.promotions).toHaveLength(4);
  });

  it('does nothing for who does not lead, and forgets what it knew', async () => {
    const bench = new Bench();
    await bench.run(1_000, 500);
    bench.state.role = 'follower';
    await bench.run(1_000, 0);
    bench.state.role = 'leader';
    await bench.run(290, 0);
    expect(bench.promotions).toEqual([]);
    await bench.run(50, 0);
    expect(bench.promotions).toHaveLength(1);
  });
});
