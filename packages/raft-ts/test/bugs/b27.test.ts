import { describe, expect, it } from 'vitest';
import type { HeartbeatResponse } from '../../src/core/message.ts';
import { leaseMs, resolveOptions } from '../../src/options.ts';
import { ClockedCluster, type ClockedMember } from '../unit/clocked-cluster.ts';
import { appendOf, CoreBench, electionTicks, ofKind } from '../unit/core-bench.ts';
import { ballotOf, voteOf } from '../unit/core-messages.ts';

const ids = ['a', 'b', 'c'];
const options = { leaseDriftMax: 0.1 };
const durationMs = leaseMs(resolveOptions({ ...options, id: 'a', members: { a: 'a:1' } }))!;

type Answer = number | Error | 'none yet';

/** What a read by lease answers at once, without a message. */
async function leaseRead(cluster: ClockedCluster, member: ClockedMember): Promise<Answer> {
  let answer: Answer = 'none yet';
  member.node.readIndex({ policy: 'lease' }).then(
    (index) => {
      answer = index;
    },
    (error: Error) => {
      answer = error;
    },
  );
  await cluster.run(0);
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
  return answer;
}

describe('B27 a lease survives a transfer or a pause', () => {
  it('a lease answers without a message, and ends when no quorum answers', async () => {
    const cluster = new ClockedCluster(ids, options);
    const leader = await cluster.elect();
    await cluster.run(200);
    const { commitIndex } = leader.node.status();
    let isCut = true;
    cluster.drop = (message) => isCut && message.to === leader.id;
    cluster.sent.length = 0;
    expect(await leaseRead(cluster, leader)).toBe(commitIndex);
    expect(cluster.sent).toEqual([]);
    const cutMs = cluster.clock.nowMs();
    while (typeof (await leaseRead(cluster, leader)) === 'number') await cluster.run(5);
    expect(cluster.clock.nowMs() - cutMs).toBeLessThan(durationMs + 5);
    expect(leader.node.status().role).toBe('leader');
    isCut = false;
    await cluster.run(200);
    expect(await leaseRead(cluster, leader)).toBe(commitIndex);
  });

  it('the age of the last word of a quorum grows from when it was asked for, on the leader alone', async () => {
    const cluster = new ClockedCluster(ids, options);
    const leader = await cluster.elect();
    await cluster.run(200);
    expect(leader.node.quorumAgeMs).toBeLessThan(100);
    const others = [...cluster.members.values()].filter((member) => member !== leader);
    expect(others.map(({ node }) => node.quorumAgeMs)).toEqual([Infinity, Infinity]);
    cluster.drop = (message) => message.to === leader.id;
    // Answers that are on their way arrive.
    await cluster.run(20);
    const before = leader.node.quorumAgeMs;
    await cluster.run(150);
    expect(leader.node.quorumAgeMs - before).toBeGreaterThanOrEqual(145);
    expect(leader.node.quorumAgeMs - before).toBeLessThanOrEqual(155);
    await leader.node.close();
    expect(leader.node.quorumAgeMs).toBe(Infinity);
  });

  it('the time of a lease begins when its heartbeats are sent, not when they are answered', async () => {
    const cluster = new ClockedCluster(ids, options);
    const leader = await cluster.elect();
    await cluster.run(200);
    const sentMs = new Map<number, number>();
    const late: HeartbeatResponse[] = [];
    cluster.drop = (message) => {
      if (message.kind === 'heartbeat') sentMs.set(message.readRound, cluster.clock.nowMs());
      if (message.to !== leader.id || message.kind !== 'heartbeat-response') return false;
      late.push(message);
      return sentMs.has(message.readRound);
    };
    while (late.length < 2) await cluster.run(1);
    const [first] = late;
    const startMs = sentMs.get(first!.readRound)!;
    await cluster.run(startMs + 200 - cluster.clock.nowMs());
    expect(await leaseRead(cluster, leader)).toBe('none yet');
    leader.receive(first!);
    expect(typeof (await leaseRead(cluster, leader))).toBe('number');
    await cluster.run(startMs + durationMs + 2 - cluster.clock.nowMs());
    expect(leader.node.status().role).toBe('leader');
    expect(await leaseRead(cluster, leader)).toBe('none yet');
  });

  it('a leader that stood still for longer than its lease reads nothing stale', async () => {
    const cluster = new ClockedCluster(ids, options);
    const old = await cluster.elect();
    await cluster.run(200);
    old.freeze();
    await cluster.run(5_000);
    const others = [...cluster.members.values()].filter((member) => member !== old);
    const leader = others.find(({ node }) => node.status().role === 'leader')!;
    const written = leader.node.propose(Uint8Array.of(1));
    await cluster.run(100);
    await written;
    // It has not heard of it: the first thing that happens after the pause is the read.
    expect(old.node.status().role).toBe('leader');
    expect(await leaseRead(cluster, old)).toBe('none yet');
  });

  it('asking another member to take over ends the lease for the rest of the term', async () => {
    const cluster = new ClockedCluster(ids, options);
    const leader = await cluster.elect();
    await cluster.run(200);
    const target = ids.find((id) => id !== leader.id)!;
    let request: (() => void) | null = null;
    cluster.drop = (message) => {
      if (message.kind !== 'timeout-now') return false;
      request = () => cluster.get(target).receive(message);
      return true;
    };
    const moved = leader.node.transferLeadership(target);
    moved.catch(() => {});
    await cluster.run(1);
    expect(request).not.toBeNull();
    expect(await leaseRead(cluster, leader)).toBe('none yet');
    await cluster.run(2_000);
    // The transfer was given up, quorums have answered since, and the request is still on its way.
    expect(leader.node.status()).toMatchObject({ role: 'leader' });
    expect(await leaseRead(cluster, leader)).toBe('none yet');
    cluster.drop = (message) => message.from === leader.id || message.to === leader.id;
    request!();
    await cluster.run(20);
    expect(cluster.get(target).node.status().role).toBe('leader');
    expect(leader.node.status().role).toBe('leader');
    expect(await leaseRead(cluster, leader)).toBe('none yet');
  });

  it('a member that starts again keeps the promise that it does not remember', () => {
    const bench = new CoreBench({ log: [1], term: 1, options: { lease: true } });
    expect(bench.step(voteOf('b', 2, [1, 1]))).toEqual([]);
    bench.tick(electionTicks - 1);
    expect(bench.step(voteOf('b', 2, [1, 1]))).toEqual([]);
    // The leader itself has asked for it.
    const [granted] = bench.step(voteOf('c', 2, [1, 1], { transfer: true }));
    expect(granted).toMatchObject({ kind: 'vote-response', granted: true });
  });

  it('a member that is told of a higher term keeps its promise to the leader that it heard', () => {
    const bench = new CoreBench({ options: { lease: true, electionTicksMax: 3 * electionTicks } });
    bench.tick(electionTicks);
    bench.step(appendOf('b', 1, [0, 0], [1]));
    bench.step(ballotOf('c', 5, { granted: false }));
    expect(bench.core.state).toMatchObject({ term: 5, leader: null });
    expect(bench.step(voteOf('c', 6, [1, 1]))).toEqual([]);
    bench.core.campaign();
    expect(ofKind(bench.settle(), 'pre-vote')).toEqual([]);
    for (let i = 0; i < electionTicks; i++) bench.core.tick(false);
    expect(bench.step(voteOf('c', 6, [1, 1]))).toMatchObject([{ granted: true }]);
  });

  it('there is no lease before the first commit of the own term', () => {
    const bench = new CoreBench({ options: { lease: true } }).lead('b');
    expect(bench.core.leaseRounds?.isUsable).toBe(false);
    bench.acknowledge('b', 1);
    expect(bench.core.leaseRounds?.isUsable).toBe(true);
  });

  it('without the option there are no leases to ask for', async () => {
    const cluster = new ClockedCluster(ids);
    const leader = await cluster.elect();
    expect(await leaseRead(cluster, leader)).toMatchObject({ code: 'ERR_RAFT_INVALID_OPTION' });
  });
});
