import { afterEach, describe, expect, it } from 'vitest';
import {
  BusyError,
  MemberFailedError,
  NotLeaderError,
  ProposalUnknownError,
} from '../../src/errors.ts';
import {
  awaitLeader,
  closeCluster,
  type LocalMember,
  LocalNetwork,
  openCluster,
} from './node-local-cluster.ts';

const text = (value: string) => new TextEncoder().encode(value);
let cluster = new Map<string, LocalMember>();
let network = new LocalNetwork();

async function open(...ids: string[]): Promise<LocalMember[]> {
  network = new LocalNetwork();
  cluster = await openCluster(ids, network);
  return [...cluster.values()];
}

afterEach(() => closeCluster(cluster));

describe('RaftNode in one process', () => {
  it('elects one leader and applies a proposal of every member everywhere', async () => {
    const members = await open('a', 'b', 'c');
    await awaitLeader(cluster);
    for (const { node } of members) {
      const { result } = await node.propose(text(`from ${node.id}`));
      expect(result).toBe(6);
    }
    const index = await members[0]!.node.readIndex();
    for (const { node, machine } of members) {
      while (node.status().appliedIndex < index) {
        await new Promise<void>((resolve) => node.once('applied', () => resolve()));
      }
      expect(machine.applied.map((entry) => new TextDecoder().decode(entry.data))).toEqual([
        'from a',
        'from b',
        'from c',
      ]);
    }
  });

  it('commits alone when it is the only voter', async () => {
    const [only] = await open('a');
    await awaitLeader(cluster);
    const { index } = await only!.node.propose(text('x'));
    expect(index).toBe(2);
    expect(await only!.node.readIndex()).toBeGreaterThanOrEqual(2);
  });

  it('keeps the order of the proposals of one follower', async () => {
    const members = await open('a', 'b', 'c');
    const leader = await awaitLeader(cluster);
    const { node, machine } = members.find((member) => member.node.id !== leader)!;
    const names = Array.from({ length: 500 }, (_, i) => `${i}`);
    await Promise.all(names.map((name) => node.propose(text(name))));
    expect(machine.applied.map((entry) => new TextDecoder().decode(entry.data))).toEqual(names);
  });

  it('moves leadership when a follower asks for it', async () => {
    const members = await open('a', 'b', 'c');
    const leader = await awaitLeader(cluster);
    const target = members.find((member) => member.node.id !== leader)!.node;
    await target.transferLeadership(target.id);
    expect(target.status().role).toBe('leader');
    const { index } = await target.propose(text('after'));
    expect(index).toBeGreaterThan(1);
  });

  it('refuses a proposal definitely when no leader is known', async () => {
    const [first] = await open('a', 'b', 'c');
    await expect(first!.node.propose(text('x'))).rejects.toBeInstanceOf(NotLeaderError);
  });

  it('rejects what was appended and not decided as unknown on close', async () => {
    const members = await open('a', 'b', 'c');
    const leader = cluster.get(await awaitLeader(cluster))!;
    for (const { node } of members) if (node !== leader.node) network.cut.add(node.id);
    const outcome = leader.node.propose(text('x'));
    const expected = expect(outcome).rejects.toBeInstanceOf(ProposalUnknownError);
    await leader.node.close();
    await expected;
  });

  it('stops for good at the first storage error and tells why', async () => {
    const members = await open('a', 'b', 'c');
    const leader = cluster.get(await awaitLeader(cluster))!;
    const failed = new Promise<Error>((resolve) => leader.node.on('storageFailed', resolve));
    leader.store.fail(new Error('EIO'));
    await expect(leader.node.propose(text('x'))).rejects.toBeInstanceOf(ProposalUnknownError);
    expect(await failed).toBeInstanceOf(MemberFailedError);
    await expect(leader.node.propose(text('y'))).rejects.toBeInstanceOf(MemberFailedError);
    cluster = new Map(members.filter((m) => m !== leader).map((m) => [m.node.id, m]));
    const next = await awaitLeader(cluster);
    expect(next).not.toBe(leader.node.id);
    await leader.node.close();
  });

  it('refuses more proposals than its limit and takes them again afterwards', async () => {
    network = new LocalNetwork();
    cluster = await openCluster(['a'], network, { proposalsMax: 2 });
    await awaitLeader(cluster);
    const { node } = cluster.get('a')!;
    const taken = [node.propose(text('1')), node.propose(text('2'))];
    await expect(node.propose(text('3'))).rejects.toBeInstanceOf(BusyError);
    await Promise.all(taken);
    await node.propose(text('4'));
  });

  it('compacts no further than what every member holds', async () => {
    network = new LocalNetwork();
    cluster = await openCluster(['a', 'b', 'c'], network);
    const leader = cluster.get(await awaitLeader(cluster))!;
    const [behind] = [...cluster.values()].filter((member) => member !== leader);
    await leader.node.propose(text('x'));
    network.cut.add(behind!.node.id);
    const held = leader.node.status().members.find((m) => m.id === behind!.node.id)!.matchIndex!;
    for (let i = 0; i < 10; i++) await leader.node.propose(text(`${i}`));
    expect(await leader.node.compact(10)).toBeLessThanOrEqual(held);
    expect(leader.store.restore().compacted.index).toBeLessThanOrEqual(held);
    network.cut.clear();
  });
});
