import { describe, expect, it } from 'vitest';
import { MemberFailedError } from '../../src/errors.ts';
import { CoreBench, entriesOf } from '../unit/core-bench.ts';
import { refusalOf } from '../unit/core-messages.ts';
import {
  awaitLeader,
  closeCluster,
  LocalNetwork,
  openCluster,
} from '../unit/node-local-cluster.ts';

describe('B34 a read error becomes a request with a gap', { timeout: 60_000 }, () => {
  /** Leads term 2 with a log that is in the store only; `c` needs it from the first entry on. */
  function leaderWith(entries: CoreBench['store']['entries']): () => void {
    const bench = new CoreBench({ log: [1, 1, 1, 1] }).lead('b');
    bench.take();
    bench.store.entries = entries;
    return () => bench.step(refusalOf('c', 2, 4, [1, 1]));
  }

  it('a store that fails stops the core', () => {
    const failing = leaderWith(() => {
      throw new Error('EIO');
    });
    expect(failing).toThrow('EIO');
  });

  it.each([
    ['nothing', []],
    ['later entries', entriesOf(3, [1, 1])],
    ['earlier entries', entriesOf(1, [1, 1])],
  ])('a store that returns %s stops the core', (_, entries) => {
    expect(leaderWith(() => entries)).toThrow('the store returned other entries');
  });

  it('a read error: the leader stops instead of sending a gap', async () => {
    const limits = { tailBytesMax: 1, inflightMessagesMax: 1, appendBytesMax: 1 };
    const network = new LocalNetwork();
    const cluster = await openCluster(['a', 'b', 'c'], network, limits);
    const leader = cluster.get(await awaitLeader(cluster))!;
    const others = [...cluster.values()].filter((member) => member !== leader);
    await leader.node.propose(Uint8Array.of(1));
    network.cut.add(others[0]!.node.id);
    for (let i = 0; i < 20; i++) await leader.node.propose(Uint8Array.of(i));
    const failed = new Promise((resolve) => leader.node.on('storageFailed', resolve));
    const heard: number[] = [];
    network.onSend = (message) => {
      if (message.kind !== 'append' || message.from !== leader.node.id) return;
      if (message.entries.length > 0) heard.push(message.entries[0]!.index - message.prevIndex);
    };
    leader.store.fail(new Error('EIO'));
    network.cut.clear();
    await failed;
    expect(heard.every((step) => step === 1)).toBe(true);
    expect(leader.node.status().stopped).toBeInstanceOf(MemberFailedError);
    await leader.node.close();
    cluster.delete(leader.node.id);
    await closeCluster(cluster);
  });
});
