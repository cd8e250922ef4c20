import { EntryType, encodeConfig, initialConfig } from 'raft-ts';
import { describe, expect, it } from 'vitest';
import { Checkpointer } from '../../src/checkpointer.ts';
import { ClusterState } from '../../src/cluster-state.ts';
import { CommandKind } from '../../src/command.ts';
import { activeCluster, type FakeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const quiet = { info() {}, warn() {}, error() {} };
const flows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => flowOf({ sport: from + at }));

async function bear(cluster: FakeCluster, node: FakeNode, from: number, to: number) {
  for (const flow of flows(from, to)) node.kernel.born(flow);
  await cluster.clock.advance(500);
}

const has = (node: FakeNode, from: number, to: number) =>
  flows(from, to).map((flow) => ({
    table: node.table.find(flow) >= 0,
    kernel: node.kernel.has(flow),
  }));
const all = (count: number, where: { table: boolean; kernel: boolean }) =>
  Array.from({ length: count }, () => where);

describe('T5 snapshot', () => {
  it('T5: replaces the table, then the kernel is reconciled as after a restart', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    await bear(cluster, fw1, 0, 10);
    await cluster.clock.advance(15_000);
    fw2.connected = false;
    for (const flow of flows(0, 5)) fw1.kernel.died(flow);
    await bear(cluster, fw1, 10, 20);
    expect(has(fw2, 0, 5)).toEqual(all(5, { table: true, kernel: true }));

    await fw2.restoreFrom(fw1);
    // Nothing of what it knew of its kernel counts: it is not ready before that is level again.
    expect(fw2.replicator.first.parts.readiness.ready).toBe(false);
    expect(fw2.replicator.first.applier.mode).toBe('blocked');
    expect(fw2.table.size).toBe(15);
    await cluster.clock.advance(5_000);
    expect(fw2.replicator.first.parts.readiness.ready).toBe(true);
    expect(has(fw2, 5, 20)).toEqual(all(15, { table: true, kernel: true }));
    await cluster.clock.advance(60_000);
    expect(has(fw2, 0, 5)).toEqual(all(5, { table: false, kernel: false }));
    expect(fw2.state.encode()).toEqual(fw1.state.encode());
  });

  it('T5: sends nothing to the kernel on the word of a table that is being replaced', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    await bear(cluster, fw1, 0, 10);
    fw2.connected = false;
    for (const flow of flows(0, 5)) fw2.kernel.vanished(flow);
    fw2.kernel.log.length = 0;
    const content = fw1.machine.snapshot();
    let sent = -1;
    async function* slow(): AsyncGenerator<Uint8Array> {
      for await (const chunk of content) {
        await fw2.replicator.reconcileNow('test');
        sent = fw2.kernel.log.length;
        yield chunk;
      }
    }
    await fw2.machine.restore(fw1.snapshotMeta(), slow());
    expect(sent).toBe(0);
  });

  it('T5 B24: what was there before is replaced, not merged with', () => {
    const [state, other] = [new ClusterState(), new ClusterState()];
    const activate = (group: string) => ({
      kind: CommandKind.activate,
      group,
      node: 'fw1',
      attempt: group,
      expectedEpoch: 0,
      rollCallIndex: 0,
      kernelIncarnation: 'boot-1',
    });
    state.activate(activate('old'));
    state.announce(
      { ...activate('old'), kind: CommandKind.member, node: 'fw9', addresses: [], ready: false },
      1,
    );
    other.activate(activate('new'));
    state.configure(initialConfig({ fw9: '10.77.0.9:7650' }));
    const encoded = other.encode();
    state.replaceWith(other);
    expect(state.encode()).toEqual(encoded);
    expect(state.config).toBe(null);
  });

  it('T1: keeps the configuration that is applied, so that the log may be cut behind its entry', async () => {
    const cluster = await activeCluster();
    const { machine, state } = cluster.node('fw2');
    expect(machine.appliedConfig).toBe(null);
    const config = { ...initialConfig({ fw2: '10.77.0.2:7650' }), learners: ['fw4'] };
    machine.apply([{ index: 1000, term: 1, type: EntryType.config, data: encodeConfig(config) }]);
    expect(machine.appliedConfig).toEqual(config);
    expect(ClusterState.decode(state.encode()).config).toEqual(config);
  });

  it('T5 A2: an active node whose epoch is in the snapshot captures on under a new epoch', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    await bear(cluster, fw1, 0, 10);
    const { epoch } = fw1.state.group('default');
    await fw1.restoreFrom(fw2);
    await cluster.clock.advance(2_000);
    expect(fw1.replicator.first.parts.activation.state).toBe('active');
    expect(fw1.state.group('default').epoch).toBeGreaterThan(epoch);
    await bear(cluster, fw1, 10, 15);
    for (const flow of flows(0, 3)) fw1.kernel.died(flow);
    await cluster.clock.advance(1_000);
    expect(has(fw2, 10, 15)).toEqual(all(5, { table: true, kernel: true }));
    expect(has(fw2, 0, 3).map(({ table }) => table)).toEqual([false, false, false]);
    // What it carried stayed in its kernel all the time.
    expect(has(fw1, 3, 15)).toEqual(all(12, { table: true, kernel: true }));
  });

  it('T5 A3: a node that was deposed in the part of the log that it skipped captures nothing', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    await bear(cluster, fw1, 0, 5);
    fw1.connected = false;
    cluster.elect('fw3');
    await cluster.clock.advance(2_000);
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(2_000);
    expect(fw2.replicator.first.parts.activation.state).toBe('active');

    await fw1.restoreFrom(fw2);
    await cluster.clock.advance(1_000);
    const { activation, capture } = fw1.replicator.first.parts;
    expect([activation.state, activation.splitVip, capture.running]).toEqual([
      'refused',
      true,
      false,
    ]);
    // Rule K10: the kernel of a MASTER is not cleaned, whoever holds the epoch.
    expect(has(fw1, 0, 5)).toEqual(all(5, { table: true, kernel: true }));
    fw2.setVrrp('BACKUP');
    await cluster.clock.advance(2_000);
    expect(activation.state).toBe('active');
  });

  it('T5 A4: an activation that was decided in the part of the log that was skipped is taken up', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    await bear(cluster, fw1, 0, 5);
    fw1.setVrrp('BACKUP');
    await cluster.clock.advance(500);
    // The activation is appended while this node hears nothing of it.
    fw2.deaf = true;
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(100);
    expect(fw2.replicator.first.parts.activation.state).toBe('activating');
    expect(fw1.state.group('default').node).toBe('fw2');
    fw2.deaf = false;
    await fw2.restoreFrom(fw1);
    await cluster.clock.advance(2_000);
    expect(fw2.replicator.first.parts.activation.state).toBe('active');
  });
});

describe('Checkpointer', () => {
  const position = (index: number) => ({ index, term: 1, meta: new Uint8Array(0) });

  function parts() {
    const clock = new ManualClock();
    const done: string[] = [];
    const failures: Error[] = [];
    const store = {
      write: async ({ index }: { index: number }) => void done.push(`write ${index}`),
      restart: async () => void done.push('restart'),
    };
    const checkpointer = new Checkpointer(
      { intervalMs: 100, writtenIndex: 3 },
      { store, clock, logger: quiet, onFailure: (error) => failures.push(error) },
    );
    return { clock, done, failures, checkpointer };
  }

  it('T5: writes no round while the table is filled, and all of it in the next', async () => {
    const { clock, done, checkpointer } = parts();
    let index = 3;
    const compact = async (to: number) => void done.push(`compact ${to}`);
    checkpointer.start({ position: () => position(index), compact });
    await clock.advance(150);
    expect(done).toEqual([]);
    index = 4;
    let filled = () => {};
    const replaced = checkpointer.replace(() => new Promise((resolve) => (filled = resolve)));
    await clock.advance(1_000);
    expect(done).toEqual(['restart']);
    filled();
    await replaced;
    await clock.advance(100);
    expect(done).toEqual(['restart', 'write 4', 'compact 4']);
  });

  it('T5: never writes half a table, not even at the end', async () => {
    const { clock, done, checkpointer } = parts();
    checkpointer.start({ position: () => position(9), compact: async () => undefined });
    const replaced = checkpointer.replace(() => Promise.reject(new Error('cut short')));
    await expect(replaced).rejects.toThrow('cut short');
    await clock.advance(1_000);
    await checkpointer.stop();
    await settle();
    expect(done).toEqual(['restart']);
    expect(checkpointer.writtenIndex).toBe(0);
  });
});
