import { describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { CoreBench, CoreCluster, electionTicks, ofKind } from '../unit/core-bench.ts';
import { beatAckOf, refusalOf, snapshotAt } from '../unit/core-messages.ts';

function trio(setup: (id: string) => ConstructorParameters<typeof CoreBench>[0] = () => ({})) {
  const members = ['a', 'b', 'c'];
  const benches = members.map((id, i) => {
    const random = new Random(i + 1);
    const { options, ...rest } = setup(id) ?? {};
    const drawn = { electionTicksMax: 2 * electionTicks, ...options };
    return new CoreBench({ id, members, random: () => random.next(), options: drawn, ...rest });
  });
  return new CoreCluster(benches);
}

describe('B33 flow control that wedges', () => {
  it('all answers lost with a full window, and the follower still catches up', () => {
    const cluster = trio(() => ({ options: { inflightMessagesMax: 2, appendBytesMax: 1 } }));
    const leader = cluster.elect();
    const others = ['a', 'b', 'c'].filter((id) => id !== leader.id);
    const lagging = others[0]!;
    cluster.drop = (m) => m.kind === 'append-response' && m.from === lagging;
    for (let i = 0; i < 10; i++) leader.core.propose(Uint8Array.of(i));
    cluster.deliver();
    expect(leader.core.state.commit).toBe(leader.core.state.log.lastIndex);
    expect(cluster.get(lagging).log.length).toBeLessThan(leader.log.length);
    cluster.drop = () => false;
    cluster.tick(30);
    expect(cluster.get(lagging).log).toEqual(leader.log);
    expect(leader.core.members().every((m) => m.matchIndex === leader.log.length)).toBe(true);
  });

  it('an entry above the size of a request is sent alone, and window and probe move on', () => {
    const options = { appendBytesMax: 10, inflightBytesMax: 10, entryBytesMax: 10_000 };
    const cluster = trio(() => ({ options }));
    const leader = cluster.elect();
    for (let i = 0; i < 5; i++) leader.core.propose(new Uint8Array(5000).fill(i));
    cluster.tick(10);
    expect(leader.core.state.commit).toBe(6);
    for (const { log } of cluster.benches.values()) expect(log).toEqual(leader.log);
  });

  it('a lost probe is repeated after a heartbeat was answered', () => {
    const bench = new CoreBench({ log: [1, 1] }).lead('b');
    bench.take();
    const [beat] = ofKind(bench.tick(5), 'heartbeat').filter(({ to }) => to === 'c');
    expect(beat).toBeDefined();
    const sent = ofKind(bench.step(beatAckOf('c', 2)), 'append');
    expect(sent.map(({ to, prevIndex }) => [to, prevIndex])).toEqual([['c', 2]]);
  });

  it('a member that was unreachable is probed anew from where it is known to stand', () => {
    const bench = new CoreBench().lead('b');
    for (const id of ['b', 'c']) bench.acknowledge(id, 1);
    for (let i = 0; i < 3; i++) bench.core.propose(Uint8Array.of(i));
    bench.settle();
    bench.core.reportUnreachable('b');
    bench.core.propose(Uint8Array.of(4));
    const sent = ofKind(bench.settle(), 'append').filter(({ to }) => to === 'b');
    expect(sent.map(({ prevIndex, entries }) => [prevIndex, entries.length])).toEqual([[1, 4]]);
  });

  it('etcd#10225: a member that dies while it gets a snapshot is served when it is back', () => {
    const bench = new CoreBench({ log: Array.from({ length: 12 }, () => 1), applied: 12 }).lead(
      'b',
    );
    bench.acknowledge('b', 13);
    bench.core.compact(13);
    bench.step(refusalOf('c', 2, 12, [0, 0]));
    bench.step(beatAckOf('c', 2));
    bench.step(refusalOf('c', 2, 13, [0, 0]));
    expect(bench.due).toHaveLength(1);
    bench.core.snapshotChosen('c', snapshotAt([13, 2]));
    for (let i = 0; i < 60; i++) {
      bench.tick(1);
      bench.step(beatAckOf('b', 2));
    }
    bench.core.reportSnapshot('c', false);
    for (let i = 0; i < 60; i++) {
      bench.tick(1);
      bench.step(beatAckOf('b', 2));
    }
    expect(bench.due).toHaveLength(1);
    bench.step(beatAckOf('c', 2));
    expect(bench.due).toHaveLength(2);
  });
});
