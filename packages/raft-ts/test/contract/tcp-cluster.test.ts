import { describe, expect, it } from 'vitest';
import { NotLeaderError, ProposalDroppedError } from '../../src/index.ts';
import {
  freeAddresses,
  leaderOf,
  type Member,
  newDirectory,
  promoted,
  start,
  stop,
  untilEqual,
} from './tcp-members.ts';

const ids = ['a', 'b', 'c'] as const;

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

function logOf({ store }: Member): string[] {
  const entries = store.entries(store.firstIndex, store.lastIndex + 1, Number.MAX_SAFE_INTEGER);
  return entries.map(({ index, term, data }) => `${index}/${term}/${Buffer.from(data)}`);
}

describe('three members over segment logs and TCP', () => {
  it('elect, replicate from every member, lose and regain the leader, and end with equal logs', async () => {
    const directory = newDirectory();
    const addresses = await freeAddresses(ids);
    const all = await Promise.all(ids.map((id) => start(id, directory, addresses)));
    const leader = await leaderOf(all);
    await Promise.all(all.map((member) => proposeAll(member, member.node.id, 10_000)));
    await untilEqual(all, 30_000);
    expect(new Set(leader.journal.lines).size).toBe(30_000);

    const rest = all.filter((member) => member !== leader);
    await stop(leader);
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
    const directory = newDirectory();
    const all = await freeAddresses([...ids, 'd']);
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
    await stop(leader);
    for (const member of rest) await proposeAll(member, `${member.node.id}3`, 200);
    await untilEqual(rest, 3100);
    const { voters } = newcomer.node.status().config;
    expect([...voters].sort()).toEqual(rest.map(({ node }) => node.id).sort());
  }, 120_000);
});

/** Logs once all stores have the same end: the last commit travels after the last proposal was applied. */
async function settledLogs(among: readonly Member[]): Promise<string[][]> {
  while (new Set(among.map(({ store }) => store.lastIndex)).size > 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return among.map(logOf);
}
