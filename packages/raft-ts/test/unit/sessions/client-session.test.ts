import { afterEach, describe, expect, it } from 'vitest';
import {
  BusyError,
  EntryTooLargeError,
  NotLeaderError,
  ProposalUnknownError,
} from '../../../src/errors.ts';
import { RaftNode } from '../../../src/node/raft-node.ts';
import {
  ClientSession,
  type ClientSessionDependencies,
  SessionCommandRefusedError,
  SessionExpiredError,
  type SessionOutcome,
  type SessionStateMachine,
} from '../../../src/sessions/index.ts';
import { MemoryLogStore } from '../../../src/testing/memory-log-store.ts';
import { LocalNetwork } from '../node-local-cluster.ts';
import { Adder, sessionMachine } from './session-machine.ts';

type Node = RaftNode<SessionOutcome<number>>;
type Propose = ClientSessionDependencies<number>['propose'];

interface Member {
  node: Node;
  inner: Adder;
  machine: SessionStateMachine<number>;
  readonly store: MemoryLogStore;
}

const ids = ['a', 'b', 'c'];
const addresses = Object.fromEntries(ids.map((id) => [id, `${id}:1`]));
const quick = { retryMsMin: 1, retryMsMax: 5 };

describe('ClientSession', () => {
  const network = new LocalNetwork();
  const members = new Map<string, Member>();

  async function start(id: string, store = new MemoryLogStore()): Promise<Member> {
    const inner = new Adder();
    const machine = sessionMachine({ sessionsMax: 2 }, inner);
    const node = await RaftNode.open(
      { id, members: addresses, timing: 'fast' },
      { store, transport: network.transport(id), stateMachine: machine },
    );
    const member = { node, inner, machine, store };
    members.set(id, member);
    return member;
  }

  async function startAll(): Promise<void> {
    for (const id of ids) await start(id);
  }

  /** Every member in turn: followers forward, and whoever is down or knows no leader is passed over. */
  function anyMember(): Propose {
    let turn = 0;
    return (data) => members.get(ids[turn++ % ids.length]!)!.node.propose(data);
  }

  /** What is proposed is done, but the answer is lost, `times` times after the one that opened the session. */
  function losingAnswers(propose: Propose, times: number): Propose {
    let turn = 0;
    return async (data) => {
      const applied = await propose(data);
      if (turn++ > 0 && turn <= times + 1) throw new ProposalUnknownError('lost');
      return applied;
    };
  }

  async function totals(): Promise<number[]> {
    const newest = Math.max(...[...members.values()].map(({ node }) => node.status().commitIndex));
    for (const { node } of members.values()) {
      while (node.status().appliedIndex < newest) {
        await new Promise<void>((resolve) => node.once('applied', () => resolve()));
      }
    }
    return [...members.values()].map(({ inner }) => inner.total);
  }

  afterEach(async () => {
    for (const { node } of members.values()) await node.close();
    members.clear();
  });

  it('B35 lost answers: applied once, whichever members the copies went by', async () => {
    await startAll();
    const session = await ClientSession.open(quick, { propose: anyMember() });
    const lossy = await ClientSession.open(quick, { propose: losingAnswers(anyMember(), 5) });
    expect(await session.propose(Uint8Array.of(1))).toBe(1);
    expect(await lossy.propose(Uint8Array.of(10))).toBe(11);
    expect(await session.propose(Uint8Array.of(100))).toBe(111);
    expect(await totals()).toEqual([111, 111, 111]);
  });

  it('B35 leader change and restart: the copy that another leader appends is not applied again', async () => {
    await startAll();
    let onAppended: (() => Promise<void>) | null = null;
    const propose = anyMember();
    const session = await ClientSession.open(quick, {
      propose: async (data) => {
        const applied = await propose(data);
        if (onAppended === null) return applied;
        const disturb = onAppended;
        onAppended = null;
        await disturb();
        throw new ProposalUnknownError('lost');
      },
    });
    onAppended = async () => {
      const leader = [...members.values()].find(({ node }) => node.status().role === 'leader')!;
      const { id } = leader.node;
      await leader.node.close();
      // The whole log is applied again: the sessions come back with it.
      await start(id, leader.store);
    };
    expect(await session.propose(Uint8Array.of(7))).toBe(7);
    expect(await session.propose(Uint8Array.of(1))).toBe(8);
    expect(await totals()).toEqual([8, 8, 8]);
  });

  it('many commands at a time, no more than the session may have', async () => {
    await startAll();
    const propose = losingAnswers(anyMember(), 20);
    const session = await ClientSession.open({ ...quick, pendingMax: 8 }, { propose });
    const commands = Array.from({ length: 8 }, () => session.propose(Uint8Array.of(1)));
    await expect(session.propose(Uint8Array.of(1))).rejects.toThrow(BusyError);
    expect((await Promise.all(commands)).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await session.propose(Uint8Array.of(1));
    expect(await totals()).toEqual([9, 9, 9]);
  });

  it('says that the session has ended', async () => {
    await startAll();
    const propose = anyMember();
    const session = await ClientSession.open<number>(quick, { propose });
    for (let i = 0; i < 2; i++) await ClientSession.open(quick, { propose });
    await expect(session.propose(Uint8Array.of(1))).rejects.toThrow(SessionExpiredError);
    expect(await totals()).toEqual([0, 0, 0]);
  });

  it('tells what was surely not applied from what may be', async () => {
    const soon = { ...quick, timeoutMs: 10 };
    const opened = { result: { kind: 'opened', session: 1 } as const };
    const failing = (error: Error): Propose => {
      let isOpened = false;
      return () => {
        if (isOpened) return Promise.reject(error);
        isOpened = true;
        return Promise.resolve(opened);
      };
    };
    for (const [error, kind] of [
      [new NotLeaderError(null), NotLeaderError],
      [new ProposalUnknownError('lost'), ProposalUnknownError],
      [new EntryTooLargeError(2, 1), EntryTooLargeError],
      [new TypeError('a defect'), TypeError],
    ] as const) {
      const session = await ClientSession.open<number>(soon, { propose: failing(error) });
      await expect(session.propose(Uint8Array.of(1))).rejects.toThrow(kind);
    }
    const applied: Propose = () => Promise.resolve({ result: { kind: 'applied', result: 1 } });
    await expect(ClientSession.open(soon, { propose: applied })).rejects.toThrow(
      SessionCommandRefusedError,
    );
  });
});
