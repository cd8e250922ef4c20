import { OperationWriter } from '@raftwall/flow-table';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { ClusterState } from '../../src/cluster-state.ts';
import { CommandKind, decodeCommand, encodeCommand } from '../../src/command.ts';
import { activeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

const newer = (...fields: unknown[]): Uint8Array =>
  new Packr({ useRecords: false }).pack([99, ...fields]);

describe('what a newer release wrote', () => {
  it('stops a member at a batch of operations instead of letting it go on with another table', async () => {
    const cluster = await activeCluster();
    const writer = new OperationWriter();
    writer.create(flowOf());
    const operations = writer.finish();
    operations[0] = 99;
    const { epoch, nextSequence } = cluster.node('fw2').state.group('default');
    const batch = { kind: CommandKind.batch, group: 'default', epoch, node: 'fw1' } as const;
    expect(() =>
      cluster.append(encodeCommand({ ...batch, sequence: nextSequence, operations })),
    ).toThrow(/format version 99, this release reads .*upgrade/);
  });

  it('and what a newer kernel says and nobody understands is counted, and nothing else happens', async () => {
    const cluster = await activeCluster();
    const { kernel, counters } = cluster.node('fw1');
    kernel.garbled(2);
    kernel.garbled(1);
    await cluster.clock.advance(100);
    expect(counters.malformedMessages).toBe(3);
    expect(cluster.node('fw1').replicator.first.applier.mode).toBe('active');
  });

  it('is named by its version in a command of the log and in the state of a checkpoint', () => {
    expect(() => decodeCommand(newer(1))).toThrow(/format version 99, this program reads/);
    expect(() => ClusterState.decode(newer([], [], 0))).toThrow(
      /format version 99, this program reads/,
    );
  });
});
