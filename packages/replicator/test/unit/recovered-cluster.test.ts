import { OperationWriter } from '@raftwall/flow-table';
import { EntryType, encodeConfig, initialConfig } from 'raft-ts';
import { describe, expect, it } from 'vitest';
import { ClusterState } from '../../src/cluster-state.ts';
import { CommandKind } from '../../src/command.ts';
import { activeCluster, type FakeCluster } from '../support/fake-cluster.ts';

const recovered = (generation: number) => ({
  ...initialConfig({ fw2: '10.77.0.2:7001' }),
  generation,
});

/** What `recoverCluster` writes to the end of the surviving member's log. */
function appendRecovery(cluster: FakeCluster, generation: number): void {
  const data = encodeConfig(recovered(generation));
  const index = cluster.log.length + 1;
  cluster.log.push({ index, term: ++cluster.term, type: EntryType.config, data });
  for (const node of cluster.nodes) node.catchUp();
}

function secondGroup(cluster: FakeCluster): void {
  const activation = {
    group: 'other',
    expectedEpoch: 0,
    rollCallIndex: 0,
    node: 'fw2',
    attempt: 'once',
  };
  const kernelIncarnation = 'kernel of fw2';
  cluster.inject({ kind: CommandKind.activate, ...activation, kernelIncarnation });
}

describe('L4 recovery of the cluster', () => {
  it('raises the epoch of every group, on every member alike', async () => {
    const cluster = await activeCluster();
    secondGroup(cluster);
    const before = cluster.node('fw2').state.groups();
    expect(before.map(({ released }) => released)).toEqual([false, false]);
    appendRecovery(cluster, 1);
    for (const { state } of cluster.nodes) {
      expect(state.groups()).toEqual(
        before.map(({ name, epoch }) => ({
          ...{ name, epoch: epoch + 1, node: null, attempt: '', kernelIncarnation: '' },
          ...{ released: true, promoted: false, nextSequence: 1 },
        })),
      );
    }
  });

  it('refuses what was proposed under an epoch of before, and takes the next activation', async () => {
    const cluster = await activeCluster();
    const { epoch, nextSequence: sequence } = cluster.node('fw2').state.group('default');
    appendRecovery(cluster, 1);
    const operations = new OperationWriter().finish();
    const batch = { kind: CommandKind.batch, group: 'default', node: 'fw1', operations } as const;
    const refused = { kind: 'refused', reason: 'stale-epoch' };
    expect(cluster.inject({ ...batch, epoch, sequence })).toEqual(refused);
    const activation = { kind: CommandKind.activate, group: 'default', node: 'fw2' } as const;
    const fresh = { ...activation, attempt: 'after', kernelIncarnation: 'kernel of fw2' };
    expect(cluster.inject({ ...fresh, rollCallIndex: 0, expectedEpoch: epoch }).kind).toBe(
      'refused',
    );
    expect(cluster.inject({ ...fresh, rollCallIndex: 0, expectedEpoch: epoch + 1 }).kind).toBe(
      'accepted',
    );
  });

  it('happens once for each generation, also over checkpoint and snapshot', async () => {
    const cluster = await activeCluster();
    const { state } = cluster.node('fw2');
    const { epoch } = state.group('default');
    appendRecovery(cluster, 1);
    appendRecovery(cluster, 1);
    expect(state.group('default').epoch).toBe(epoch + 1);
    const copies = [ClusterState.decode(state.encode()), new ClusterState()];
    copies[1]!.replaceWith(ClusterState.decode(state.encode()));
    for (const copy of copies) {
      copy.configure(recovered(1));
      expect(copy.group('default').epoch).toBe(epoch + 1);
      copy.configure(recovered(2));
      expect(copy.group('default').epoch).toBe(epoch + 2);
    }
  });
});
