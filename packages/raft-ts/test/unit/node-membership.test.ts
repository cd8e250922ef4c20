import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterConfig, Index } from '../../src/core/types.ts';
import {
  ConfigChangeInProgressError,
  ConfigConflictError,
  InvalidMembershipError,
  InvalidOptionError,
  LearnerNotLevelError,
  NotLeaderError,
  ProposalUnknownError,
} from '../../src/errors.ts';
import { RaftNode } from '../../src/node/raft-node.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';
import {
  awaitLeader,
  closeCluster,
  type LocalMember,
  LocalNetwork,
  openCluster,
  Recorder,
} from './node-local-cluster.ts';

const founders = ['a', 'b', 'c'];
const founderAddresses = Object.fromEntries(founders.map((id) => [id, `${id}:1`]));

/** Resolves when the member has applied the log up to `index`. */
async function applied(node: RaftNode<number>, index: Index): Promise<void> {
  while (node.status().appliedIndex < index) {
    await new Promise<void>((resolve) => {
      node.once('applied', () => resolve());
    });
  }
}

describe('membership of a node', () => {
  let network: LocalNetwork;
  let cluster: Map<string, LocalMember>;
  let leader: RaftNode<number>;
  let peers: Map<string, readonly string[]>;

  /** Opens `d`, which knows the founders and is none. */
  async function openNewcomer(store = new MemoryLogStore()): Promise<RaftNode<number>> {
    const machine = new Recorder();
    const node = await RaftNode.open(
      { id: 'd', members: founderAddresses, timing: 'fast' },
      { store, transport: network.transport('d'), stateMachine: machine },
    );
    cluster.set('d', { node, store, machine });
    return node;
  }

  beforeEach(async () => {
    network = new LocalNetwork();
    peers = new Map();
    network.onSetPeers = (id, addresses) => peers.set(id, [...addresses.keys()].sort());
    cluster = await openCluster(founders, network);
    leader = cluster.get(await awaitLeader(cluster))!.node;
    await leader.propose(Uint8Array.of(1));
  });
  afterEach(() => closeCluster(cluster));

  it('adds a learner, makes it a voter and removes a founder, while its transport follows', async () => {
    const newcomer = await openNewcomer();
    const configs: ClusterConfig[] = [];
    newcomer.on('config', (config) => configs.push(config));
    const learning = await leader.addLearner('d', 'd:1');
    expect(learning).toMatchObject({ voters: founders, learners: ['d'] });
    expect(peers.get(leader.id)).toContain('d');
    await applied(newcomer, leader.status().commitIndex);
    expect(newcomer.status().members.find(({ id }) => id === 'd')?.role).toBe('learner');
    const grown = await leader.promote('d');
    expect(grown).toMatchObject({ voters: [...founders, 'd'], votersOutgoing: [], learners: [] });
    const leaver = founders.find((id) => id !== leader.id)!;
    const shrunk = await leader.removeMember(leaver);
    expect(shrunk.voters).toEqual([...founders, 'd'].filter((id) => id !== leaver));
    expect(leader.status().config).toEqual(shrunk);
    expect(peers.get(leader.id)).not.toContain(leaver);
    await leader.propose(Uint8Array.of(2));
    await applied(newcomer, leader.status().commitIndex);
    expect(newcomer.status().config).toEqual(shrunk);
    expect(configs.some(({ votersOutgoing }) => votersOutgoing.length > 0)).toBe(true);
    expect(cluster.get('d')!.machine.applied.map(({ index }) => index)).toEqual(
      cluster.get(leader.id)!.machine.applied.map(({ index }) => index),
    );
  });

  it('a leader that removes itself learns that it is done, and another one leads', async () => {
    const config = await leader.removeMember(leader.id);
    expect(config.voters).not.toContain(leader.id);
    expect(leader.status().role).toBe('follower');
    const left = cluster.get(leader.id)!;
    cluster.delete(leader.id);
    const next = cluster.get(await awaitLeader(cluster))!.node;
    await next.propose(Uint8Array.of(3));
    await left.node.close();
  });

  it('tells why a change is refused', async () => {
    const follower = [...cluster.values()].find(({ node }) => node !== leader)!.node;
    await expect(follower.addLearner('d', 'd:1')).rejects.toThrow(NotLeaderError);
    await expect(leader.addLearner('d', 'nowhere')).rejects.toThrow(InvalidOptionError);
    await expect(leader.promote('d')).rejects.toThrow(InvalidMembershipError);
    const { configId } = leader.status();
    const adding = leader.changeMembership({ add: { d: 'd:1' } }, { ifConfigId: configId });
    await expect(leader.removeMember('d')).rejects.toThrow(ConfigChangeInProgressError);
    await adding;
    await expect(
      leader.changeMembership({ remove: ['d'] }, { ifConfigId: configId }),
    ).rejects.toThrow(ConfigConflictError);
    await expect(leader.promote('d')).rejects.toThrow(LearnerNotLevelError);
  });

  it('a change whose outcome nobody can tell is unknown', async () => {
    for (const id of founders) if (id !== leader.id) network.cut.add(id);
    const adding = leader.addLearner('d', 'd:1');
    await leader.close();
    await expect(adding).rejects.toThrow(ProposalUnknownError);
  });

  it('the log keeps the configuration that the state machine does not keep', async () => {
    await leader.propose(Uint8Array.of(2));
    await leader.addLearner('d', 'd:1');
    const configIndex = leader.status().configId;
    const newcomer = await openNewcomer();
    for (let i = 0; i < 5; i++) await leader.propose(Uint8Array.of(i));
    const { commitIndex } = leader.status();
    for (const { node } of cluster.values()) await applied(node, commitIndex);
    // What all members hold is told by the answers to the next heartbeat.
    while (leader.status().members.some(({ matchIndex }) => (matchIndex ?? 0) < commitIndex)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await leader.compact(commitIndex)).toBe(configIndex - 1);
    const { store } = cluster.get(leader.id)!;
    const { id } = leader;
    await leader.close();
    const again = await RaftNode.open<number>(
      { id, members: founderAddresses, timing: 'fast' },
      {
        store,
        transport: network.transport(id),
        stateMachine: {
          appliedIndex: commitIndex,
          appliedConfig: null,
          apply: (all) => all.map(() => 0),
        },
      },
    );
    expect(again.status().config.learners).toEqual(['d']);
    await again.close();
    await newcomer.close();
  });
});
