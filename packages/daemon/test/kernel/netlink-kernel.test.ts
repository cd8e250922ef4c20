import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { FlowAttribute, FlowRecord } from '@raftwall/flow-table';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NetlinkKernel } from '../../src/netlink-kernel.ts';

const inject = { timeoutSeconds: 700, withStatus: true };
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

function flow(sport: number): FlowRecord {
  const record = new FlowRecord();
  record.protocol = 6;
  record.originalSource.set([192, 168, 0, 3]);
  record.originalDestination.set([192, 168, 1, 3]);
  record.originalL4 = ((sport << 16) | 22) >>> 0;
  record.replySource.set([192, 168, 1, 3]);
  record.replyDestination.set([192, 168, 1, 100]);
  record.replyL4 = ((22 << 16) | sport) >>> 0;
  record.status = 0xe;
  record.tcpState = 3;
  record.mark = 5;
  record.attributes =
    FlowAttribute.reply | FlowAttribute.status | FlowAttribute.tcp | FlowAttribute.mark;
  return record;
}

describe('NetlinkKernel', () => {
  let namespace: string;
  let kernel: NetlinkKernel;
  const events: number[] = [];

  beforeEach(async () => {
    namespace = `rwd${randomBytes(3).toString('hex')}`;
    ip('netns', 'add', namespace);
    kernel = new NetlinkKernel(
      {
        namespace: `/run/netns/${namespace}`,
        tcpWindowTracking: 'liberal',
        eventBufferBytes: 1_000_000,
        protocols: [6, 17],
        ignorePrefixes: [],
        zones: [],
      },
      (error) => {
        throw error;
      },
    );
    events.length = 0;
    await kernel.listen({
      onEvents: (cursor) => {
        while (cursor.next()) events.push(cursor.kind);
      },
      onExpectation: () => undefined,
      onMalformed: () => undefined,
      onOverrun: () => undefined,
    });
  });

  afterEach(async () => {
    await kernel.close();
    ip('netns', 'delete', namespace);
  });

  it('gives every dump its turn, of flows and of expectations', async () => {
    const batch = kernel.newBatch();
    batch.create(flow(1), inject);
    expect([...(await kernel.execute(batch))]).toEqual([0]);
    let flows = 0;
    const count = (page: { next(): boolean }): void => {
      while (page.next()) flows += 1;
    };
    await Promise.all([
      kernel.dump(count),
      kernel.dumpExpectations(() => undefined),
      kernel.dump(count),
    ]);
    expect(flows).toBe(2);
  });

  it('injects translated flows, changes and deletes them, and reports errno by position', async () => {
    const batch = kernel.newBatch();
    batch.create(flow(1), inject);
    batch.create(flow(2), inject);
    batch.create(flow(1), inject);
    expect([...(await kernel.execute(batch))]).toEqual([0, 0, 17]);
    const table = ip('netns', 'exec', namespace, 'conntrack', '-L');
    expect(table).toMatch(/ESTABLISHED src=192.168.0.3 .* dst=192.168.1.100 .*ASSURED.* mark=5/);
    const changes = kernel.newBatch();
    const changed = flow(1);
    changed.mark = 9;
    changes.update(changed, inject);
    changes.delete(flow(2));
    changes.delete(flow(3));
    expect([...(await kernel.execute(changes))]).toEqual([0, 0, 2]);
    expect(ip('netns', 'exec', namespace, 'conntrack', '-L')).toContain('mark=9');
    expect(kernel.count()).toBe(1);
  });

  it('dumps and looks up by either tuple, whole', async () => {
    const batch = kernel.newBatch();
    for (let sport = 1; sport <= 90; sport += 1) batch.create(flow(sport), inject);
    await kernel.execute(batch);
    const seen = new Set<number>();
    await kernel.dump((page) => {
      while (page.next()) {
        seen.add(page.entry.originalL4 >>> 16);
        expect(page.entry.replyDestination.subarray(0, 4)).toEqual(
          flow(1).replyDestination.subarray(0, 4),
        );
      }
    });
    expect(seen.size).toBe(90);
    for (const by of ['original', 'reply'] as const) {
      const found: number[] = [];
      await kernel.lookup([flow(1), flow(500), flow(3)], by, (position, entry) => {
        expect(entry.mark).toBe(5);
        found.push(position);
      });
      expect(found).toEqual([0, 2]);
    }
  });

  it('hears of what others do and not of what it does itself', async () => {
    const batch = kernel.newBatch();
    batch.create(flow(1), inject);
    await kernel.execute(batch);
    ip('netns', 'exec', namespace, 'conntrack', '-D', '-p', 'tcp');
    await expect.poll(() => events).toEqual([3]);
  });
});
