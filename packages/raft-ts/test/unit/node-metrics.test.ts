import { describe, expect, it } from 'vitest';
import type { RaftMetrics } from '../../src/metrics.ts';
import { ClockedCluster, type ClockedMember } from './clocked-cluster.ts';

const ids = ['a', 'b', 'c'];

/** The values of these metrics on a member. */
function tally(member: ClockedMember, ...names: readonly (keyof RaftMetrics)[]): number[] {
  return names.map((name) => member.metrics.of(name));
}

function followersOf(cluster: ClockedCluster, leader: ClockedMember): ClockedMember[] {
  return [...cluster.members.values()].filter((member) => member !== leader);
}

describe('metrics', () => {
  it('of elections, and of leaders that lose their quorum', async () => {
    const cluster = new ClockedCluster(ids);
    const leader = await cluster.elect();
    await cluster.run(100);
    const names = ['electionsTotal', 'electionsWonTotal', 'leaderChangesTotal'] as const;
    expect(tally(leader, ...names, 'quorumLossesTotal')).toEqual([1, 1, 1, 0]);
    for (const member of followersOf(cluster, leader)) {
      expect(tally(member, ...names)).toEqual([0, 0, 1]);
    }
    cluster.drop = (message) => message.from === leader.id || message.to === leader.id;
    await cluster.run(3_000);
    expect(tally(leader, 'quorumLossesTotal')).toEqual([1]);
    // It goes on to ask for votes, which nobody hears.
    expect(leader.metrics.of('electionsTotal')).toBeGreaterThan(2);
    expect(leader.metrics.of('electionsWonTotal')).toBe(1);
  });

  it('of proposals and reads, here and forwarded', async () => {
    const cluster = new ClockedCluster(ids, { leaseDriftMax: 0 });
    const leader = await cluster.elect();
    await cluster.run(200);
    const [follower] = followersOf(cluster, leader) as [ClockedMember, ClockedMember];
    const asked = [
      ...[leader.node.propose(Uint8Array.of(1)), follower.node.propose(Uint8Array.of(2))],
      ...[leader.node.readIndex(), follower.node.readIndex()],
      leader.node.readIndex({ policy: 'lease' }),
    ];
    await cluster.run(300);
    await Promise.all(asked);
    const proposals = ['proposalsTotal', 'proposalSeconds', 'forwardedTotal'] as const;
    const reads = ['readsTotal', 'readSeconds', 'leaseReadsTotal'] as const;
    expect(tally(leader, ...proposals, ...reads)).toEqual([1, 1, 0, 2, 1, 1]);
    expect(tally(follower, ...proposals, ...reads)).toEqual([1, 1, 2, 1, 1, 0]);
    const log = ['appendedEntriesTotal', 'appliedEntriesTotal'] as const;
    for (const member of cluster.members.values()) expect(tally(member, ...log)).toEqual([3, 3]);
    expect(leader.metrics.of('appendSeconds')).toBe(leader.metrics.of('appendBatchesTotal'));
  });

  it('of what waits, is refused and is given up', async () => {
    const options = { limits: { proposalsMax: 2 }, proposalTimeoutMs: 200, readTimeoutMs: 200 };
    const cluster = new ClockedCluster(ids, options);
    const leader = await cluster.elect();
    await cluster.run(200);
    cluster.drop = (message) => message.to !== leader.id;
    const asked = [1, 2, 3].map((byte) => leader.node.propose(Uint8Array.of(byte)));
    asked.push(leader.node.readIndex() as never);
    const outcomes = Promise.allSettled(asked);
    await cluster.run(50);
    const waiting = ['proposalsWaiting', 'readsWaiting', 'uncommittedBytes'] as const;
    expect(tally(leader, ...waiting, 'unsyncedEntries')).toEqual([2, 1, 2, 0]);
    expect(tally(leader, 'proposalsRefusedTotal')).toEqual([1]);
    await cluster.run(200);
    await outcomes;
    expect(tally(leader, ...waiting)).toEqual([0, 0, 2]);
    expect(tally(leader, 'requestsExpiredTotal')).toEqual([3]);
  });

  it('of transfers and changes of the members', async () => {
    const cluster = new ClockedCluster(ids, { autoPromote: true });
    const leader = await cluster.elect();
    cluster.start('d');
    await Promise.all([leader.node.addLearner('d', 'd:1'), cluster.run(3_000)]);
    const [next] = followersOf(cluster, leader) as [ClockedMember];
    await Promise.all([leader.node.transferLeadership(next.id), cluster.run(200)]);
    const failing = leader.node.transferLeadership('nobody').catch(() => {});
    await cluster.run(100);
    await failing;
    const changes = ['membershipChangesTotal', 'learnersPromotedTotal'] as const;
    expect(tally(leader, ...changes)).toEqual([2, 1]);
    expect(tally(leader, 'transfersTotal', 'transferFailuresTotal')).toEqual([2, 1]);
  });
});
