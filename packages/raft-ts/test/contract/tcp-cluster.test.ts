import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Entry,
  EntryType,
  LearnerNotLevelError,
  NotLeaderError,
  ProposalDroppedError,
  RaftNode,
  SegmentLogStore,
  type StateMachine,
  TcpTransport,
} from '../../src/index.ts';

const ids = ['a', 'b', 'c'] as const;
const directories: string[] = [];
const members = new Map<string, Member>();

afterEach(async () => {
  await Promise.all([...members.values()].map((member) => member.node.close()));
  members.clear();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** Keeps the data of every applied entry. */
class Journal implements StateMachine<number> {
  readonly appliedIndex = 0;
  readonly appliedConfig = null;
  readonly lines: string[] = [];

  apply(entries: readonly Entry[]): readonly number[] {
    return entries.map((entry) =>
      entry.type === EntryType.normal ? this.lines.push(Buffer.from(entry.data).toString()) : 0,
    );
  }
}

interface Member {
  readonly node: RaftNode<number>;
  readonly journal: Journal;
  readonly store: SegmentLogStore;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(
  id: string,
  directory: string,
  addresses: Readonly<Record<string, string>>,
  founders = addresses,
): Promise<Member> {
  const store = new SegmentLogStore({
    directory: path.join(directory, id),
    clusterId: 'contract',
    segmentBytes: 1024 * 1024,
  });
  const transport = new TcpTransport(
    {
      clusterId: 'contract',
      id,
      listen: addresses[id]!,
      insecure: true,
      peersFile: path.join(directory, `${id}.peers.json`),
    },
    { incarnation: () => store.incarnation },
  );
  const journal = new Journal();
  const node = await RaftNode.open<number>(
    { id, members: founders, timing: 'slow' },
    { store, transport, stateMachine: journal },
  );
  const member = { node, journal, store };
  members.set(id, member);
  return member;
}

/** The member that leads, once the others agree. */
async function leaderOf(among: readonly Member[]): Promise<Member> {
  while (true) {
    const leaders = new Set(among.map(({ node }) => node.status().leader));
    const [leader] = leaders;
    const member = among.find(({ node }) => node.id === leader);
    if (leaders.size === 1 && member !== undefined) return member;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Proposes with at most 500 on their way; what surely left no trace is tried again. */
async function proposeAll(member: Member, name: string, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const data = Buffer.from(`${name}-${next++}`);
      while (!(await isProposed(member, data)));
    }
  };
  await Promise.all(Array.from({ length: 500 }, worker));
}

async function isProposed(member: Member, data: Buffer): Promise<boolean> {
  try {
    await member.node.propose(data);
    return true;
  } catch (error) {
    if (!(error instanceof ProposalDroppedError || error instanceof NotLeaderError)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 10));
    return false;
  }
}

async function untilEqual(among: readonly Member[], lines: number): Promise<void> {
  while (!among.every(({ journal }) => journal.lines.length >= lines)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const { journal } of among) expect(journal.lines).toEqual(among[0]!.journal.lines);
}

function logOf({ store }: Member): string[] {
  const entries = store.entries(store.firstIndex, store.lastIndex + 1, Number.MAX_SAFE_INTEGER);
  return entries.map(({ index, term, data }) => `${index}/${term}/${Buffer.from(data)}`);
}

describe('three members over segment logs and TCP', () => {
  it('elect, replicate from every member, lose and regain the leader, and end with equal logs', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-cluster-'));
    directories.push(directory);
    const ports = await Promise.all(ids.map(freePort));
    const addresses = Object.fromEntries(ids.map((id, i) => [id, `127.0.0.1:${ports[i]}`]));
    const all = await Promise.all(ids.map((id) => start(id, directory, addresses)));
    const leader = await leaderOf(all);
    await Promise.all(all.map((member) => proposeAll(member, member.node.id, 10_000)));
    await untilEqual(all, 30_000);
    expect(new Set(leader.journal.lines).size).toBe(30_000);

    const rest = all.filter((member) => member !== leader);
    await leader.node.close();
    members.delete(leader.node.id);
    const successor = await leaderOf(rest);
    expect(successor).not.toBe(leader);
    await Promise.all(rest.map((member) => proposeAll(member, `${member.node.id}2`, 1000)));

    const returned = await start(leader.node.id, directory, addresses);
    await proposeAll(returned, 'returned', 1000);
    const everybody = [...rest, returned];
    await untilEqual(everybody, 33_000);
    expect(new Set(returned.journal.lines).size).toBe(33_000);
    const logs = await settledLogs(everybody);
    expect(logs[0]!.length).toBeGreaterThan(33_000);
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).toEqual(logs[0]);
  }, 180_000);
});

describe('membership over segment logs and TCP', () => {
  it('a newcomer learns, becomes a voter and takes the place of the leader', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-membership-'));
    directories.push(directory);
    const ports = await Promise.all([...ids, 'd'].map(freePort));
    const all = Object.fromEntries([...ids, 'd'].map((id, i) => [id, `127.0.0.1:${ports[i]}`]));
    const { d: address, ...founders } = all;
    const old = await Promise.all(ids.map((id) => start(id, directory, founders)));
    const leader = await leaderOf(old);
    await proposeAll(leader, 'before', 2000);

    const newcomer = await start('d', directory, all, founders);
    await leader.node.addLearner('d', address!);
    await promoted(leader, 'd');
    await proposeAll(newcomer, 'joined', 500);
    await leader.node.removeMember(leader.node.id);
    const rest = [...old.filter((member) => member !== leader), newcomer];
    await leaderOf(rest);
    await leader.node.close();
    members.delete(leader.node.id);
    for (const member of rest) await proposeAll(member, `${member.node.id}3`, 200);
    await untilEqual(rest, 3100);
    const { voters } = newcomer.node.status().config;
    expect([...voters].sort()).toEqual(rest.map(({ node }) => node.id).sort());
  }, 120_000);
});

/** Promotes as soon as the learner is level. */
async function promoted(leader: Member, id: string): Promise<void> {
  for (;;) {
    try {
      await leader.node.promote(id);
      return;
    } catch (error) {
      if (!(error instanceof LearnerNotLevelError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Logs once all stores have the same end: the last commit travels after the last proposal was applied. */
async function settledLogs(among: readonly Member[]): Promise<string[][]> {
  while (new Set(among.map(({ store }) => store.lastIndex)).size > 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return among.map(logOf);
}
