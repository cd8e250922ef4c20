import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  FileSnapshotStore,
  RaftNode,
  SegmentLogStore,
  type SnapshotContent,
  type SnapshotMeta,
  TcpTransport,
  type TransportLimits,
} from '../../src/index.ts';
import { noMetrics } from '../../src/transport/metrics.ts';
import { Relay } from './relay.ts';
import {
  clusterId,
  freeAddresses,
  Journal,
  leaderOf,
  type Member,
  members,
  newDirectory,
  promoted,
  stop,
  untilEqual,
} from './tcp-members.ts';

const windowBytes = 1024 * 1024;
const lineBytes = 20_000;
/** A change of leader in the middle would be another test. */
const unhurried = { heartbeatMs: 250, electionTimeoutMsMin: 2000, electionTimeoutMsMax: 3000 };
const relays: Relay[] = [];
afterEach(() => {
  for (const relay of relays.splice(0)) relay.close();
});

/** A journal in memory whose lines a snapshot holds. */
class KeptJournal extends Journal {
  snapshot(): SnapshotContent {
    // A copy: lines are added while the content is read.
    return this.lines.map((line) => Buffer.from(`${line}\n`));
  }

  async restore(_meta: SnapshotMeta, content: SnapshotContent): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(Uint8Array.from(part));
    const text = Buffer.concat(parts).toString();
    this.lines.splice(0, this.lines.length, ...text.split('\n').slice(0, -1));
  }
}

interface SnapshotMember extends Member {
  readonly installed: SnapshotMeta[];
  readonly sent: string[];
  /** Content of snapshots that was sent. */
  sentBytes: number;
  /** Content that was not received again after a break. */
  resumedBytes: number;
}

interface Place {
  readonly directory: string;
  /** Where the others find each member. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly founders?: Readonly<Record<string, string>>;
  /** Where it listens itself, when something is between. */
  readonly listen?: string;
  readonly limits?: Partial<TransportLimits>;
}

/** Starts a member with log, snapshots and sockets of its own. */
async function start(id: string, place: Place): Promise<SnapshotMember> {
  const { directory, addresses, founders = addresses, listen, limits = {} } = place;
  const own = path.join(directory, id);
  const store = new SegmentLogStore({
    directory: path.join(own, 'log'),
    clusterId,
    segmentBytes: 256 * 1024,
  });
  const idle = { inc: () => undefined, set: () => undefined, observe: () => undefined };
  const counting = (count: (bytes: number) => void) => ({ inc: (by = 1) => count(by) });
  const snapshots = new FileSnapshotStore(
    { directory: path.join(own, 'snapshots'), clusterId },
    {
      metrics: {
        createSeconds: idle,
        currentIndex: idle,
        currentBytes: idle,
        resumedBytesTotal: counting((bytes) => (member.resumedBytes += bytes)),
      },
    },
  );
  const transport = new TcpTransport(
    {
      clusterId,
      id,
      listen: listen ?? addresses[id]!,
      advertise: addresses[id]!,
      insecure: true,
      peersFile: path.join(directory, `${id}.peers.json`),
      limits,
    },
    {
      incarnation: () => store.incarnation,
      metrics: {
        ...noMetrics,
        snapshotSentBytesTotal: counting((bytes) => (member.sentBytes += bytes)),
      },
    },
  );
  const journal = new KeptJournal();
  const counts = { sentBytes: 0, resumedBytes: 0 };
  const member = { journal, store, refused: [], installed: [], sent: [], ...counts } as unknown as {
    -readonly [Key in keyof SnapshotMember]: SnapshotMember[Key];
  };
  member.node = await RaftNode.open<number>(
    { id, members: founders, timing: unhurried, compactionTrailingEntries: 5 },
    { store, snapshots, transport, stateMachine: journal },
  );
  member.node.on('snapshotInstalled', (meta) => member.installed.push(meta));
  member.node.on('snapshotSent', (to) => member.sent.push(to));
  members.set(id, member);
  return member;
}

/** Large lines, a few at a time; whoever leads meanwhile. */
async function propose(member: SnapshotMember, name: string, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const line = `${name}-${next++} `.padEnd(lineBytes, '.');
      await member.node.propose(Buffer.from(line));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** Cuts the log of a member as far as its snapshot allows. */
async function compact({ node, store }: SnapshotMember): Promise<SnapshotMeta> {
  const meta = await node.snapshot();
  await node.compact(node.compactableIndex);
  expect(store.firstIndex).toBeGreaterThan(meta.lastIndex / 2);
  return meta;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Starts three members and brings the two that stay beyond what the third one, then stopped, can get from any log. */
async function leaveBehind(place: Place, lines: number) {
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((id) => start(id, place)));
  const all = [a!, b!, c!];
  const leader = (await leaderOf(all)) as SnapshotMember;
  await propose(leader, 'before', 3);
  await untilEqual(all, 3);
  const behind = all.find((member) => member !== leader)!;
  const other = all.find((member) => member !== leader && member !== behind)!;
  const { lastIndex } = behind.store;
  await stop(behind);
  await propose(leader, 'without', lines);
  await untilEqual([leader, other], lines + 3);
  const meta = await compact(leader);
  await compact(other);
  expect(leader.store.firstIndex).toBeGreaterThan(lastIndex + 1);
  return { leader, other, behind: behind.node.id, meta };
}

describe('snapshots over files and TCP', () => {
  it('a member that the log does not reach gets a snapshot, then entries', async () => {
    const place = { directory: newDirectory(), addresses: await freeAddresses(['a', 'b', 'c']) };
    const { leader, other, behind, meta } = await leaveBehind(place, 100);
    const returned = await start(behind, place);
    await untilEqual([leader, other, returned], 103);
    expect(returned.installed).toHaveLength(1);
    expect(returned.installed[0]!.digest).toBe(meta.digest);
    expect(returned.store.firstIndex).toBe(meta.lastIndex + 1);
    await propose(returned, 'after', 20);
    await untilEqual([leader, other, returned], 123);
    expect(leader.sent).toEqual([behind]);
    // From now on it has what it needs: a restart begins with its own snapshot.
    await stop(returned);
    const again = await start(behind, place);
    await untilEqual([leader, other, again], 123);
    expect(again.installed.map(({ digest }) => digest)).toEqual([meta.digest]);
    expect(leader.sent).toEqual([behind]);
  }, 120_000);

  it('cut in the middle, and after a restart of the receiver, it goes on where it was', async () => {
    const ids = ['a', 'b', 'c'];
    const limits = { snapshotBytesPerSecondMax: 8_000_000 };
    const direct = await freeAddresses(ids);
    const addresses = { ...direct };
    const place = { directory: newDirectory(), addresses, limits };
    for (const id of ids) {
      const relay = new Relay(Number(direct[id]!.split(':')[1]));
      relays.push(relay);
      addresses[id] = `127.0.0.1:${await relay.listen()}`;
    }
    const startOne = (id: string) => start(id, { ...place, listen: direct[id]! });
    const all = await Promise.all(ids.map(startOne));
    const leader = (await leaderOf(all)) as SnapshotMember;
    const [behind, other] = all.filter((member) => member !== leader) as [
      SnapshotMember,
      SnapshotMember,
    ];
    const { id } = behind.node;
    await propose(leader, 'before', 3);
    await untilEqual(all, 3);
    await stop(behind);
    await propose(leader, 'without', 600);
    const meta = await compact(leader);
    await compact(other);
    const relay = relays[ids.indexOf(id)]!;

    const first = await startOne(id);
    await until(() => leader.sentBytes > 3_000_000);
    relay.cut();
    await until(() => first.resumedBytes > 0);
    await until(() => leader.sentBytes > 7_000_000);
    await stop(first);
    const second = await startOne(id);
    await untilEqual([leader, other, second], 603);
    expect(second.resumedBytes).toBeGreaterThan(first.resumedBytes);
    expect(second.installed.map(({ digest }) => digest)).toEqual([meta.digest]);
    // All of it once, and at each of the two breaks what was on its way.
    expect(meta.bytes).toBe(603 * (lineBytes + 1));
    expect(leader.sentBytes).toBeLessThanOrEqual(meta.bytes + 2 * windowBytes);
    expect(leader.sentBytes).toBeGreaterThanOrEqual(meta.bytes);
    await propose(second, 'after', 20);
    await untilEqual([leader, other, second], 623);
  }, 120_000);

  it('a new learner joins by snapshot, and becomes a voter', async () => {
    const directory = newDirectory();
    const { d, ...founders } = await freeAddresses(['a', 'b', 'c', 'd']);
    const { leader, other } = await leaveBehind({ directory, addresses: founders }, 60);
    const place = { directory, addresses: { ...founders, d: d! }, founders };
    const learner = await start('d', place);
    await leader.node.addLearner('d', d!);
    await promoted(leader, 'd');
    expect(learner.installed).toHaveLength(1);
    expect(learner.node.status().config.voters).toContain('d');
    await propose(learner, 'joined', 10);
    await untilEqual([leader, other, learner], 73);
    expect(leader.sent).toEqual(['d']);
  }, 120_000);

  it('a wiped member returns by snapshot once it was removed and added again', async () => {
    const directory = newDirectory();
    const addresses = await freeAddresses(['a', 'b', 'c']);
    const { leader, other, behind } = await leaveBehind({ directory, addresses }, 60);
    await leader.node.removeMember(behind);
    const wiped = await start(behind, { directory: path.join(directory, 'wiped'), addresses });
    await leader.node.addLearner(behind, addresses[behind]!);
    await promoted(leader, behind);
    expect(wiped.installed).toHaveLength(1);
    await propose(wiped, 'returned', 10);
    await untilEqual([leader, other, wiped], 73);
  }, 120_000);
});
