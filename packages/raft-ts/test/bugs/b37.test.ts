import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../src/core/config.ts';
import type { ClusterConfig } from '../../src/core/types.ts';
import { BootstrapMismatchError } from '../../src/errors.ts';
import { settleBootstrap, toCoreRestored } from '../../src/node/opening.ts';
import { RaftNode } from '../../src/node/raft-node.ts';
import { resolveOptions } from '../../src/options.ts';
import type { BootstrapMembers } from '../../src/ports.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';
import { awaitLeader, LocalNetwork, openCluster, Recorder } from '../unit/node-local-cluster.ts';

const addressesOf = (...ids: readonly string[]): BootstrapMembers =>
  Object.fromEntries(ids.map((id) => [id, `${id}:1`]));
const founders = addressesOf('a', 'b', 'c');

/** What a start with these members finds in a directory that was made with `kept`. */
async function settle(
  id: string,
  {
    kept = founders,
    given,
    log = [1],
  }: { kept?: BootstrapMembers; given: BootstrapMembers; log?: readonly number[] },
  configs: ReadonlyMap<number, ClusterConfig> = new Map(),
  appliedConfig: ClusterConfig | null = null,
) {
  const store = new MemoryLogStore();
  store.preset(log, { term: 1, votedFor: null }, configs);
  await store.noteBootstrap(kept);
  const options = resolveOptions({ id, members: given });
  const stateMachine = { ...new Recorder(), appliedConfig, apply: () => [] };
  const parts = { store, stateMachine, snapshot: null };
  const restored = await settleBootstrap(options, parts, await store.open());
  const found = { restored, stateMachine, snapshot: null, canReceive: false };
  return { store, config: toCoreRestored(options, found).config };
}

describe('B37 the first members do not change with the options', () => {
  it('a member that is started anew as the only one does not become a majority', async () => {
    const network = new LocalNetwork();
    const cluster = await openCluster(Object.keys(founders), network);
    const leader = await awaitLeader(cluster);
    await cluster.get(leader)!.node.propose(Uint8Array.of(1));
    const [id, { node, store }] = [...cluster].find(([other]) => other !== leader)!;
    await node.close();

    const start = (members: BootstrapMembers) =>
      RaftNode.open(
        { id, members, timing: 'fast' },
        { store, transport: network.transport(id), stateMachine: new Recorder() },
      );
    const alone = start(addressesOf(id));
    await expect(alone).rejects.toThrow(BootstrapMismatchError);
    await expect(alone).rejects.toThrow(
      `the options name the members ${id}, but the data directory was made with a, b, c`,
    );
    const again = await start(founders);
    expect(again.status().config.voters).toEqual(['a', 'b', 'c']);
    await again.close();
    for (const member of cluster.values()) await member.node.close();
  });

  it.each([
    ['fewer', addressesOf('a')],
    ['more', addressesOf('a', 'b', 'c', 'd')],
    ['others', addressesOf('a', 'b', 'd')],
    ['all but itself', addressesOf('b', 'c')],
  ])('%s are refused while the log holds no configuration', async (_, given) => {
    await expect(settle('a', { given })).rejects.toThrow(BootstrapMismatchError);
    await expect(settle('a', { given, log: [] })).rejects.toThrow(BootstrapMismatchError);
  });

  it('one that was to be added does not found a cluster of its own', async () => {
    await expect(settle('d', { given: addressesOf('d') })).rejects.toThrow(BootstrapMismatchError);
  });

  it('one that is to be added may name the members of today', async () => {
    const given = addressesOf('b', 'c', 'e');
    const { config, store } = await settle('d', { given });
    expect(config).toEqual(initialConfig(given));
    expect((await store.open()).bootstrap).toEqual(given);
  });

  it('an address may change, and the new one is kept', async () => {
    const given = { ...founders, b: 'b:2' };
    const { config, store } = await settle('a', { given });
    expect(config.addresses).toEqual(given);
    expect((await store.open()).bootstrap).toEqual(given);
  });

  it('with a configuration in the log the options do not matter, and a truncation brings the kept ones back', async () => {
    const inLog = { ...initialConfig(addressesOf('a', 'b')), generation: 1 };
    const given = addressesOf('a');
    const { config, store } = await settle('a', { given }, new Map([[1, inLog]]));
    // What the core starts from is below the log: it holds again when the entry is cut.
    expect(config).toEqual(initialConfig(founders));
    expect((await store.open()).bootstrap).toEqual(founders);
  });

  it('with a configuration in the state the options do not matter', async () => {
    const applied = initialConfig(addressesOf('a', 'b'));
    const { config } = await settle('a', { given: addressesOf('a') }, new Map(), applied);
    expect(config).toEqual(applied);
  });
});
