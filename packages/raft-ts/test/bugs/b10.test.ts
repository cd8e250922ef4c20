import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/core/message.ts';
import { MemberFailedError, ProposalUnknownError } from '../../src/errors.ts';
import {
  awaitLeader,
  closeCluster,
  LocalNetwork,
  openCluster,
} from '../unit/node-local-cluster.ts';

describe("B10 a leader's failed write frees the index for another entry", () => {
  it('no two entries of one place and term are ever sent', { timeout: 60_000 }, async () => {
    const network = new LocalNetwork();
    const cluster = await openCluster(['a', 'b', 'c'], network);
    const leader = cluster.get(await awaitLeader(cluster))!;
    await leader.node.propose(Uint8Array.of(1));
    const sent = new Map<string, string>();
    const late: Message[] = [];
    network.onSend = (message) => {
      if (message.from === leader.node.id && leader.node.status().stopped !== null) {
        late.push(message);
      }
      if (message.kind !== 'append') return;
      for (const { index, term, data } of message.entries) {
        const place = `${index}/${term}`;
        const content = data.join();
        expect(sent.get(place) ?? content).toBe(content);
        sent.set(place, content);
      }
    };
    leader.store.fail(new Error('ENOSPC'));
    const first = leader.node.propose(Uint8Array.of(7));
    await expect(first).rejects.toBeInstanceOf(ProposalUnknownError);
    await expect(leader.node.propose(Uint8Array.of(8))).rejects.toBeInstanceOf(MemberFailedError);
    cluster.delete(leader.node.id);
    const next = cluster.get(await awaitLeader(cluster))!;
    await next.node.propose(Uint8Array.of(9));
    // What the failed leader had sent before stands where it stood, or is gone; nothing of it is replaced in its term.
    expect([...sent.values()]).toContain('9');
    expect([...sent.values()]).not.toContain('8');
    expect(late).toEqual([]);
    await leader.node.close();
    await closeCluster(cluster);
  });
});
