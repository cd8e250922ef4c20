import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect } from 'vitest';
import {
  type Entry,
  EntryType,
  LearnerNotLevelError,
  type PeerRefusedError,
  RaftNode,
  SegmentLogStore,
  type StateMachine,
  TcpTransport,
} from '../../src/index.ts';

export const clusterId = 'contract';

const directories: string[] = [];
/** Those that run; they are closed after each test. */
export const members = new Map<string, Member>();

afterEach(async () => {
  await Promise.all([...members.values()].map((member) => member.node.close()));
  members.clear();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

export function newDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'raft-members-'));
  directories.push(directory);
  return directory;
}

/** Keeps the data of every applied entry. */
export class Journal implements StateMachine<number> {
  readonly appliedIndex = 0;
  readonly appliedConfig = null;
  readonly lines: string[] = [];

  apply(entries: readonly Entry[]): readonly number[] {
    return entries.map((entry) =>
      entry.type === EntryType.normal ? this.lines.push(Buffer.from(entry.data).toString()) : 0,
    );
  }
}

export interface Member {
  readonly node: RaftNode<number>;
  readonly journal: Journal;
  readonly store: SegmentLogStore;
  readonly refused: PeerRefusedError[];
}

/** Addresses on ports that were free a moment ago. */
export async function freeAddresses(ids: readonly string[]): Promise<Record<string, string>> {
  const addresses: Record<string, string> = {};
  for (const id of ids) addresses[id] = `127.0.0.1:${await freePort()}`;
  return addresses;
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a member over the files of its id in `directory`. */
export async function start(
  id: string,
  directory: string,
  addresses: Readonly<Record<string, string>>,
  founders = addresses,
): Promise<Member> {
  const store = new SegmentLogStore({
    directory: path.join(directory, id),
    clusterId,
    segmentBytes: 1024 * 1024,
  });
  const refused: PeerRefusedError[] = [];
  const transport = new TcpTransport(
    {
      clusterId,
      id,
      listen: addresses[id]!,
      insecure: true,
      peersFile: path.join(directory, `${id}.peers.json`),
    },
    { incarnation: () => store.incarnation, onPeerRefused: (refusal) => refused.push(refusal) },
  );
  const journal = new Journal();
  const node = await RaftNode.open<number>(
    { id, members: founders, timing: 'slow' },
    { store, transport, stateMachine: journal },
  );
  const member = { node, journal, store, refused };
  members.set(id, member);
  return member;
}

/** Closes a member for good, or until it is started again. */
export async function stop({ node }: Member): Promise<void> {
  members.delete(node.id);
  await node.close();
}

/** The member that leads, once the others agree. */
export async function leaderOf(among: readonly Member[]): Promise<Member> {
  while (true) {
    const leaders = new Set(among.map(({ node }) => node.status().leader));
    const [leader] = leaders;
    const member = among.find(({ node }) => node.id === leader);
    if (leaders.size === 1 && member !== undefined) return member;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function untilEqual(among: readonly Member[], lines: number): Promise<void> {
  while (!among.every(({ journal }) => journal.lines.length >= lines)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const { journal } of among) expect(journal.lines).toEqual(among[0]!.journal.lines);
}

/** Promotes as soon as the learner is level. */
export async function promoted(leader: Member, id: string): Promise<void> {
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
