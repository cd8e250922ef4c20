import { describe, expect, it } from 'vitest';
import { type Entry, EntryType } from '../../src/core/types.ts';
import { ProposalDroppedError, ProposalUnknownError, type RaftError } from '../../src/errors.ts';
import { ProposalTable } from '../../src/node/proposal-table.ts';
import {
  awaitLeader,
  closeCluster,
  LocalNetwork,
  openCluster,
} from '../unit/node-local-cluster.ts';

const text = (value: string) => new TextEncoder().encode(value);

function settler() {
  const outcome: { value: unknown } = { value: null };
  return {
    outcome,
    resolve: (applied: { result: string }) => {
      outcome.value = applied.result;
    },
    reject: (error: RaftError) => {
      outcome.value = error;
    },
  };
}

describe('B35 an unknown outcome is told as a failure, or a retry applies twice', () => {
  it('what is not decided in time is unknown, never failed', () => {
    const table = new ProposalTable<string>(0);
    const waiting = settler();
    table.add(1, 3, 100, waiting);
    expect(table.expire(99)).toBe(0);
    expect(table.expire(100)).toBe(1);
    expect(waiting.outcome.value).toBeInstanceOf(ProposalUnknownError);
  });

  it('an entry that another one of this member replaces is unknown: it may win elsewhere', () => {
    const table = new ProposalTable<string>(0);
    const [first, second] = [settler(), settler()];
    table.add(1, 3, 100, first);
    table.add(1, 5, 100, second);
    expect(first.outcome.value).toBeInstanceOf(ProposalUnknownError);
    const entry: Entry = { index: 1, term: 3, type: EntryType.normal, data: new Uint8Array(0) };
    table.settle([entry], ['one'], false);
    expect(second.outcome.value).toBeInstanceOf(ProposalDroppedError);
  });

  it('what a leader has appended and closes on is unknown', async () => {
    const network = new LocalNetwork();
    const cluster = await openCluster(['a', 'b', 'c'], network);
    const old = cluster.get(await awaitLeader(cluster))!;
    for (const id of cluster.keys()) if (id !== old.node.id) network.cut.add(id);
    const outcome = old.node.propose(text('x'));
    const expected = expect(outcome).rejects.toBeInstanceOf(ProposalUnknownError);
    await old.node.close();
    await expected;
    cluster.delete(old.node.id);
    await closeCluster(cluster);
  });

  it('what the network doubles stands in the log once', async () => {
    const network = new LocalNetwork();
    const cluster = await openCluster(['a', 'b', 'c'], network);
    const members = [...cluster.values()];
    const leader = await awaitLeader(cluster);
    network.copies = (message) => (message.kind === 'propose' ? 2 : 1);
    const { node, machine } = members.find((member) => member.node.id !== leader)!;
    for (const name of ['x', 'y']) await node.propose(text(name));
    await node.propose(text('z'));
    expect(machine.applied.map((entry) => new TextDecoder().decode(entry.data))).toEqual([
      'x',
      'y',
      'z',
    ]);
    await closeCluster(cluster);
  });
});
