import { afterEach, describe, expect, it } from 'vitest';
import {
  ProposalUnknownError,
  RaftError,
  SnapshotUnavailableError,
  StateBehindLogError,
} from '../../src/errors.ts';
import { RaftNode } from '../../src/node/raft-node.ts';
import { SystemClock } from '../../src/node/system-clock.ts';
import type { Clock } from '../../src/ports.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';
import { LocalNetwork } from './node-local-cluster.ts';
import {
  KvMachine,
  openSnapshotCluster,
  type SnapshotCluster,
  type SnapshotMember,
} from './snapshot-cluster.ts';

let cluster: SnapshotCluster;
afterEach(() => cluster.close());

async function open(options: Parameters<typeof openSnapshotCluster>[0] = {}) {
  cluster = await openSnapshotCluster(options);
  return cluster.leader();
}

function othersThan(...members: readonly SnapshotMember[]): SnapshotMember[] {
  return [...cluster.members.values()].filter((member) => !members.includes(member));
}

async function fill(member: SnapshotMember, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await member.propose(`k${i % 40}=${i}`);
}

const event = <T>(listen: (listener: (value: T) => void) => unknown): Promise<T> =>
  new Promise((resolve) => void listen(resolve));

describe('a member that the log no longer reaches', () => {
  it('NuRaft#118: newer snapshots do not restart a transfer, and a broken one goes on', async () => {
    const leader = await open({ snapshotEntriesMax: 30 });
    const [laggard] = othersThan(leader) as [SnapshotMember];
    cluster.network.cut.add(laggard.id);
    await fill(leader, 0, 100);
    let pieces = 0;
    cluster.network.breaks = async () => {
      // A new snapshot with every third piece, and a break with every fifth.
      pieces++;
      if (pieces % 3 === 0) await fill(leader, 100, 135);
      return pieces % 5 === 0;
    };
    const installed = event((listener) => laggard.node.once('snapshotInstalled', listener));
    cluster.network.cut.clear();
    const { digest } = (await installed) as { digest: string };
    const { arrivals } = cluster.network;
    expect(pieces).toBeGreaterThan(arrivals.length);
    expect(new Set(arrivals.map(({ meta }) => meta.digest))).toEqual(new Set([digest]));
    const offsets = arrivals.map(({ offset }) => offset);
    expect(offsets).toEqual([...new Set(offsets)].sort((x, y) => x - y));
    cluster.network.breaks = () => false;
    await laggard.applied(leader.node.status().appliedIndex);
  });

  it('etcd#10225: one that dies while it gets a snapshot is served when it is back', async () => {
    const leader = await open({ snapshotEntriesMax: 20 });
    const [laggard] = othersThan(leader) as [SnapshotMember];
    await laggard.stop();
    await fill(leader, 0, 100);
    const { network } = cluster;
    const died = new Promise<void>((resolve) => {
      network.breaks = async ({ offset }) => {
        if (offset < 100) return false;
        await laggard.stop();
        resolve();
        return true;
      };
    });
    await laggard.start();
    await died;
    network.breaks = () => false;
    await laggard.start();
    await laggard.applied(leader.node.status().appliedIndex);
    expect(laggard.machine.values).toEqual(leader.machine.values);
    // It went on where it was.
    expect(network.arrivals.filter(({ offset }) => offset === 0)).toHaveLength(1);
  });

  it('rejects as unknown what was proposed on it and lies within the snapshot', async () => {
    const leader = await open();
    const [follower] = othersThan(leader) as [SnapshotMember];
    const { network } = cluster;
    // The leader's answer names the place; then nothing more arrives.
    const proposed = follower.propose('k=1');
    const isCut = event<void>((resolve) => {
      network.onSend = (message) => {
        if (message.kind !== 'forward-response' || message.to !== follower.id) return;
        setImmediate(() => {
          network.copies = ({ kind, to }) => (kind === 'append' && to === follower.id ? 0 : 1);
          resolve();
        });
      };
    });
    network.copies = ({ kind, to }) => (kind === 'append' && to === follower.id ? 0 : 1);
    await isCut;
    await leader.applied(leader.node.status().lastIndex);
    const { appliedIndex } = leader.node.status();
    await leader.node.compact(appliedIndex);
    network.copies = () => 1;
    await expect(proposed).rejects.toThrow(ProposalUnknownError);
    await follower.applied(appliedIndex);
    expect(follower.machine.values.get('k')).toBe('1');
  });
});

describe('a state machine in memory', () => {
  it('starts from the snapshot and the rest of the log', async () => {
    const leader = await open({ snapshotEntriesMax: 25, compactionTrailingEntries: 10 });
    await fill(leader, 0, 90);
    const { values } = leader.machine;
    const index = leader.node.status().appliedIndex;
    for (const member of othersThan(leader)) await member.applied(index);
    for (const member of cluster.members.values()) await member.stop();
    for (const member of cluster.members.values()) {
      expect(member.store.restore().compacted.index).toBeGreaterThan(30);
      await member.start();
    }
    for (const member of cluster.members.values()) {
      await member.applied(index);
      expect(member.machine.values).toEqual(values);
    }
    expect(cluster.network.arrivals).toEqual([]);
  });
});

describe('snapshot()', () => {
  it('takes one of everything that is applied, and gives the same again while nothing is', async () => {
    const leader = await open();
    await fill(leader, 0, 5);
    const created = event((listener) => leader.node.once('snapshotCreated', listener));
    const [one, other] = await Promise.all([leader.node.snapshot(), leader.node.snapshot()]);
    expect(one).toEqual(other);
    expect(await created).toEqual(one);
    const { appliedIndex, config } = leader.node.status();
    expect(one).toMatchObject({ lastIndex: appliedIndex, config, configIndex: 0 });
    expect(await leader.node.snapshot()).toEqual(one);
    await leader.propose('x=1');
    expect((await leader.node.snapshot()).lastIndex).toBe(appliedIndex + 1);
  });

  it('one that was asked for while an older one is under way is taken after it', async () => {
    const leader = await open();
    await fill(leader, 0, 5);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    leader.machine.beforePiece = () => held;
    const first = leader.node.snapshot();
    await leader.propose('x=1');
    const second = leader.node.snapshot();
    release();
    expect((await second).lastIndex).toBe((await first).lastIndex + 1);
  });

  it('one that is under way when the member is closed is answered', async () => {
    const leader = await open();
    await fill(leader, 0, 5);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    leader.machine.beforePiece = () => held;
    const refused = expect(leader.node.snapshot()).rejects.toThrow(SnapshotUnavailableError);
    const closing = leader.stop();
    await refused;
    release();
    await closing;
  });

  it.each(['snapshot', 'compact'] as const)(
    'a state machine that throws stops the member that was asked by %s',
    async (ask) => {
      const leader = await open();
      await leader.propose('x=1');
      await leader.node.addLearner('d', 'd:1');
      await leader.propose('y=2');
      leader.machine.snapshot = () => {
        throw new Error('a bug');
      };
      const failed = event<Error>((listener) => leader.node.once('failed', listener));
      const asked = ask === 'snapshot' ? leader.node.snapshot() : leader.node.compact(1);
      await expect(asked).rejects.toThrow(RaftError);
      expect((await failed).cause).toMatchObject({ message: 'a bug' });
      expect(leader.node.status().stopped).not.toBeNull();
    },
  );

  it('says why when there can be none', async () => {
    const leader = await open();
    const store = new MemoryLogStore();
    const transport = new LocalNetwork().transport('x');
    const parts = { store, transport, stateMachine: new KvMachine() };
    const bare = await RaftNode.open({ id: 'x', members: { x: 'x:1' } }, parts);
    await expect(bare.snapshot()).rejects.toThrow(SnapshotUnavailableError);
    await bare.close();
    await expect(bare.snapshot()).rejects.toThrow('closed');
    void leader;
  });

  it('a failure is told, stops nothing, and is not repeated at once', async () => {
    const leader = await open();
    await fill(leader, 0, 5);
    leader.machine.beforePiece = () => Promise.reject(new Error('no room'));
    const failed = event<Error>((listener) => leader.node.once('snapshotFailed', listener));
    await expect(leader.node.snapshot()).rejects.toThrow('no room');
    expect((await failed).message).toBe('no room');
    await expect(leader.node.snapshot()).rejects.toThrow(SnapshotUnavailableError);
    await leader.propose('x=1');
    expect(leader.node.status().stopped).toBeNull();
  });
});

describe('a state that is behind the log', () => {
  async function compactedMember(): Promise<[leader: SnapshotMember, member: SnapshotMember]> {
    const leader = await open();
    const [member] = othersThan(leader) as [SnapshotMember];
    await fill(leader, 0, 30);
    const { appliedIndex } = leader.node.status();
    await member.applied(appliedIndex);
    // Its own storage has the state, so it takes no snapshot; then that storage is lost.
    expect(await member.node.compact(appliedIndex)).toBe(appliedIndex);
    await member.stop();
    return [leader, member];
  }

  it('T4: is made good by a snapshot of the leader, and the log stays', async () => {
    const [leader, member] = await compactedMember();
    await member.start();
    expect(member.node.status().members.find(({ id }) => id === member.id)).toMatchObject({
      needsSnapshot: true,
    });
    await leader.propose('late=1');
    await member.applied(leader.node.status().appliedIndex);
    expect(member.machine.values).toEqual(leader.machine.values);
    expect(member.node.status().members.find(({ id }) => id === member.id)).toMatchObject({
      needsSnapshot: false,
    });
  });

  it('is an error at the start when nobody could make it good', async () => {
    const [, member] = await compactedMember();
    const { id, store } = member;
    const transport = new LocalNetwork().transport(id);
    const parts = { store, transport, stateMachine: new KvMachine() };
    const members = (await store.open()).bootstrap!;
    const opening = RaftNode.open({ id, members }, parts);
    await expect(opening).rejects.toThrow(StateBehindLogError);
    await member.start();
  });

  it('a restoration that fails stops the member', async () => {
    const [leader, member] = await compactedMember();
    const machine = new KvMachine();
    machine.beforeRestored = () => Promise.reject(new Error('cannot read that'));
    await member.start(machine);
    const failed = await event<Error>((listener) => member.node.once('failed', listener));
    expect(failed.cause).toMatchObject({ message: 'cannot read that' });
    expect(member.node.status().stopped).not.toBeNull();
    await leader.propose('x=1');
  });
});

describe('compaction', () => {
  it('goes beyond a member that is down, and leaves trailing entries', async () => {
    const leader = await open({ compactionTrailingEntries: 7 });
    const [laggard] = othersThan(leader) as [SnapshotMember];
    await laggard.stop();
    await fill(leader, 0, 40);
    const { appliedIndex } = leader.node.status();
    expect(await leader.node.compact(appliedIndex)).toBe(appliedIndex - 7);
    await laggard.start();
  });

  it('leaves what a member needs behind the snapshot that is on its way to it', async () => {
    const leader = await open();
    const [laggard] = othersThan(leader) as [SnapshotMember];
    cluster.network.cut.add(laggard.id);
    await fill(leader, 0, 40);
    await leader.node.compact(leader.node.status().appliedIndex);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const begun = new Promise<number>((resolve) => {
      cluster.network.breaks = async ({ meta }) => {
        resolve(meta.lastIndex);
        await held;
        return false;
      };
    });
    cluster.network.cut.clear();
    const lastIndex = await begun;
    await fill(leader, 40, 60);
    expect(await leader.node.compact(leader.node.status().appliedIndex)).toBe(lastIndex);
    release();
    await laggard.applied(leader.node.status().appliedIndex);
    expect(new Set(cluster.network.arrivals.map(({ meta }) => meta.lastIndex)).size).toBe(1);
  });

  it('a configuration that only the log has is put into a snapshot, and the next one may go on', async () => {
    const leader = await open();
    await fill(leader, 0, 5);
    await leader.node.addLearner('d', 'd:1');
    await fill(leader, 5, 15);
    const { appliedIndex, configId } = leader.node.status();
    const created = event((listener) => leader.node.once('snapshotCreated', listener));
    expect(await leader.node.compact(appliedIndex)).toBe(configId - 1);
    expect(await created).toMatchObject({ lastIndex: appliedIndex, configIndex: configId });
    expect(await leader.node.compact(appliedIndex)).toBe(appliedIndex);
    await leader.stop();
    await leader.start();
    expect(leader.node.status().config.learners).toEqual(['d']);
  });

  it('T4: nor does a configuration leave the log that the state machine keeps: its state may be lost', async () => {
    const leader = await open();
    await fill(leader, 0, 5);
    leader.machine.appliedConfig = await leader.node.addLearner('d', 'd:1');
    await fill(leader, 5, 15);
    const { appliedIndex, configId } = leader.node.status();
    const created = event((listener) => leader.node.once('snapshotCreated', listener));
    expect(await leader.node.compact(appliedIndex)).toBe(configId - 1);
    await created;
    expect(await leader.node.compact(appliedIndex)).toBe(appliedIndex);
    await leader.stop();
    // A new machine without any state.
    await leader.start();
    expect(leader.machine.appliedConfig).toBeNull();
    expect(leader.node.status().config.learners).toEqual(['d']);
  });
});

describe('a member that cannot start', () => {
  it('does not go on without anybody knowing, and leaves its storage to the next attempt', async () => {
    await open();
    const store = new MemoryLogStore();
    const transport = {
      ...new LocalNetwork().transport('x'),
      start: () => Promise.reject(new Error('the address is in use')),
    };
    const clock = new SystemClock();
    const timers = new Set<symbol>();
    const watched: Clock = {
      nowMs: () => clock.nowMs(),
      defer: (callback) => clock.defer(callback),
      setTimer: (delayMs, callback) => {
        const timer = Symbol();
        timers.add(timer);
        const cancel = clock.setTimer(delayMs, () => {
          timers.delete(timer);
          callback();
        });
        return () => {
          timers.delete(timer);
          cancel();
        };
      },
    };
    const parts = { store, transport, stateMachine: new KvMachine(), clock: watched };
    const opening = RaftNode.open({ id: 'x', members: { x: 'x:1' } }, parts);
    await expect(opening).rejects.toThrow('in use');
    expect(timers.size).toBe(0);
    await store.open();
    await store.close();
  });
});

describe('an offer of a snapshot', () => {
  async function offerOf(leader: SnapshotMember, to: string) {
    const meta = await leader.node.snapshot();
    const { term } = leader.node.status();
    return { kind: 'snapshot', from: leader.id, to, term, meta } as const;
  }

  it('of what the member holds needs no content, and one of a term that is over is refused', async () => {
    const leader = await open();
    const [member] = othersThan(leader) as [SnapshotMember];
    await fill(leader, 0, 5);
    const offer = await offerOf(leader, member.id);
    await member.applied(offer.meta.lastIndex);
    expect(await cluster.network.offer(offer)).toBeNull();
    const meta = { ...offer.meta, lastIndex: 1000 };
    const late = cluster.network.offer({ ...offer, meta, term: 0 });
    await expect(late).rejects.toThrow(SnapshotUnavailableError);
  });

  it('takes the place of an earlier one, whose writer does nothing more', async () => {
    const leader = await open();
    const [member] = othersThan(leader) as [SnapshotMember];
    await fill(leader, 0, 5);
    const offer = await offerOf(leader, member.id);
    const ahead = { ...offer, meta: { ...offer.meta, lastIndex: 1000 } };
    const first = cluster.network.offer(ahead);
    const second = cluster.network.offer(ahead);
    await expect(first).rejects.toThrow('a newer offer came');
    expect(await second).toMatchObject({ offset: 0 });
  });
});
