import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/core/message.ts';
import { type Entry, EntryType, type Index, type SnapshotMeta } from '../../src/core/types.ts';
import { RaftNode } from '../../src/node/raft-node.ts';
import type { Clock, SnapshotContent, SnapshotOffered, StateMachine } from '../../src/ports.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';
import { MemorySnapshotStore } from '../../src/testing/memory-snapshot-store.ts';
import { appendOf } from './core-bench.ts';
import { snapshotAt, snapshotOf } from './core-messages.ts';

const members = { a: 'a:1', b: 'b:1', c: 'c:1' };

/** Time that passes with every look at it, and turns that are taken by hand. */
class ManualClock implements Clock {
  #nowMs = 0;
  #turns: (() => void)[] = [];

  nowMs(): number {
    this.#nowMs += 1;
    return this.#nowMs;
  }

  setTimer(): () => void {
    return () => {};
  }

  defer(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** One turn, and all promises that it settles. */
  async turn(): Promise<boolean> {
    const next = this.#turns.shift();
    next?.();
    await new Promise(setImmediate);
    return next !== undefined;
  }
}

/** Tells what was done to it, in order. */
class Witness implements StateMachine<Index> {
  readonly appliedIndex = 0;
  readonly appliedConfig = null;
  readonly deeds: string[] = [];

  apply(entries: readonly Entry[]): readonly Index[] {
    this.deeds.push(`apply to ${entries.at(-1)!.index}`);
    return entries.map(({ index }) => index);
  }

  snapshot(): SnapshotContent {
    return [];
  }

  restore(meta: SnapshotMeta): void {
    this.deeds.push(`restore ${meta.lastIndex}`);
  }
}

class Bench {
  readonly clock = new ManualClock();
  readonly machine = new Witness();
  readonly snapshots = new MemorySnapshotStore();
  readonly sent: Message[] = [];
  receive: (message: Message) => void = () => {};
  offered: SnapshotOffered | undefined;
  node!: RaftNode<Index>;

  async open(log: readonly number[], configs?: Parameters<MemoryLogStore['preset']>[2]) {
    const store = new MemoryLogStore().preset(log, { term: 1, votedFor: null }, configs);
    const transport = {
      start: (receive: (message: Message) => void, offered?: SnapshotOffered) => {
        this.receive = receive;
        this.offered = offered;
        return Promise.resolve();
      },
      send: (message: Message) => this.sent.push(message),
      setPeers: () => {},
      isReachable: () => true,
      sendSnapshot: () => {},
      stop: () => Promise.resolve(),
    };
    const { clock, machine, snapshots } = this;
    this.node = await RaftNode.open<Index>(
      { id: 'a', members, applySliceMs: 1 },
      { store, transport, snapshots, stateMachine: machine, clock },
    );
    return this;
  }

  /** A whole snapshot of nothing arrives, and is durable. */
  async arrive(index: Index): Promise<void> {
    const digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    const message = snapshotOf('b', 1, [index, 1], { bytes: 0, digest });
    await new Promise<void>((resolve, reject) => {
      this.offered?.(message, (writer) => {
        if (writer === null || writer instanceof Error) reject(writer ?? new Error('not needed'));
        else writer.finish((error) => (error ? reject(error) : resolve()));
      });
    });
  }

  async settle(): Promise<void> {
    while (await this.clock.turn());
  }
}

describe('a snapshot that arrives while entries are being applied', () => {
  it('B22: none of them is applied after it', async () => {
    const log = Array.from({ length: 300 }, () => 1);
    const bench = await new Bench().open(log);
    bench.receive(appendOf('b', 1, [300, 1], [], 300));
    await bench.clock.turn();
    await bench.clock.turn();
    const before = bench.machine.deeds.length;
    expect(before).toBeGreaterThan(0);
    expect(bench.node.status().appliedIndex).toBeLessThan(300);
    await bench.arrive(500);
    await bench.settle();
    const deeds = bench.machine.deeds.slice(before);
    const at = deeds.indexOf('restore 500');
    expect(at).toBeGreaterThanOrEqual(0);
    expect(deeds.slice(at + 1)).toEqual([]);
    expect(bench.node.status()).toMatchObject({ appliedIndex: 500, commitIndex: 500 });
    bench.receive(appendOf('b', 1, [500, 1], [1, 1], 502));
    await bench.settle();
    expect(bench.machine.deeds.at(-1)).toBe('apply to 502');
    await bench.node.close();
  });

  it('a snapshot of its own, taken then, carries the configuration of its index and not a newer one', async () => {
    const log = Array.from({ length: 300 }, () => 1);
    const { config } = snapshotAt([1, 1]);
    const later = { ...config, learners: ['d'] };
    const bench = await new Bench().open(log, new Map([[290, later]]));
    bench.receive(appendOf('b', 1, [300, 1], [], 300));
    await bench.clock.turn();
    await bench.clock.turn();
    const taken = bench.node.snapshot();
    await bench.settle();
    const { lastIndex, ...rest } = await taken;
    expect(lastIndex).toBeLessThan(290);
    expect(rest).toMatchObject({ config: { learners: [] }, configIndex: 0 });
    expect(await bench.node.snapshot()).toMatchObject({ config: later, configIndex: 290 });
    await bench.node.close();
  });
});

describe('a member that has stopped', () => {
  it('takes no snapshot any more', async () => {
    const bench = await new Bench().open([1]);
    await bench.node.close();
    await expect(bench.arrive(500)).rejects.toThrow('stopped');
    expect(bench.snapshots.current).toBeNull();
  });
});

describe('entries of Raft itself', () => {
  it('count for the position of a snapshot', async () => {
    const bench = await new Bench().open([1, 1]);
    bench.receive({
      ...appendOf('b', 1, [2, 1], [1], 3),
      entries: [{ index: 3, term: 1, type: EntryType.noop, data: new Uint8Array(0) }],
    });
    await bench.settle();
    const taken = bench.node.snapshot();
    await bench.settle();
    expect(await taken).toMatchObject({ lastIndex: 3, lastTerm: 1 });
    await bench.node.close();
  });
});
