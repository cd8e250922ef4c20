import { ConntrackAttribute, ConntrackEntry, Dumper, Protocol } from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTuples } from '../support/entries.ts';
import { KernelClient } from '../support/kernel-client.ts';
import { CountingMetrics } from '../support/metrics.ts';
import { TestNamespace } from '../support/namespace.ts';

const FLOWS = 100_000;
let namespace: TestNamespace;
let kernel: KernelClient;
let dumper: Dumper;
const metrics = new CountingMetrics();

beforeAll(async () => {
  namespace = new TestNamespace('dump');
  kernel = new KernelClient(namespace.path);
  dumper = new Dumper({ namespace: namespace.path }, { metrics });
  const entry = new ConntrackEntry();
  entry.protocol = Protocol.udp;
  entry.attributes =
    ConntrackAttribute.reply | ConntrackAttribute.status | ConntrackAttribute.timeout;
  entry.status = 0x0e;
  entry.timeoutSeconds = 3000;
  setTuples(entry, ['10.0.0.1', '10.1.0.1', 0], ['10.1.0.1', '10.0.0.1', 0]);
  for (let flow = 0; flow < FLOWS; ) {
    const { failures } = await kernel.run((batch) => {
      for (let index = 0; index < 100; index++, flow++) {
        entry.originalL4 = flow;
        entry.replyL4 = ((flow << 16) | (flow >>> 16)) >>> 0;
        batch.create(entry);
      }
    });
    expect(failures).toBe(0);
  }
}, 120_000);

afterAll(async () => {
  await kernel.stop();
  await dumper.stop();
  namespace.dispose();
});

describe('Dumper', () => {
  it('reads 100,000 entries, each once, and gives way to the main loop meanwhile', async () => {
    const seen = new Uint8Array(FLOWS);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    let pages = 0;
    const result = await dumper.dump({}, (cursor) => {
      pages++;
      while (cursor.next()) seen[cursor.entry.originalL4]!++;
    });
    clearInterval(timer);
    expect(result).toEqual({ entries: FLOWS, interrupted: result.interrupted, malformed: 0 });
    expect(seen.every((times) => times === 1)).toBe(true);
    expect(pages).toBeGreaterThan(100);
    expect(turns).toBeGreaterThan(3);
    expect(metrics.count('dumpedEntries')).toBe(FLOWS);
  });

  it('skips the family that was not asked for', async () => {
    expect(await dumper.dump({ family: 10 }, () => undefined)).toMatchObject({ entries: 0 });
  });

  it('counts entries that the owner does not read', async () => {
    expect(await dumper.dump({}, () => undefined)).toMatchObject({ entries: FLOWS });
  });

  it('refuses a second dump, and ends one whose owner throws, with that error', async () => {
    const failure = new Error('no more');
    const first = dumper.dump({}, () => {
      throw failure;
    });
    await expect(dumper.dump({}, () => undefined)).rejects.toMatchObject({
      code: 'NETLINK_DUMP_BUSY',
    });
    await expect(first).rejects.toBe(failure);
    expect(await dumper.dump({}, () => undefined)).toMatchObject({ entries: FLOWS });
  });

  it('fails a running dump when it is stopped', async () => {
    const other = new Dumper({ namespace: namespace.path }, { metrics: null });
    const running = other.dump({}, () => undefined);
    const failed = expect(running).rejects.toMatchObject({ code: 'NETLINK_CHANNEL_CLOSED' });
    await other.stop();
    await failed;
  });
});
