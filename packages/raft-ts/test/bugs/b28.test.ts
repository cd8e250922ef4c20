import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { TcpTransportOptions } from '../../src/transport/index.ts';
import { eventually, Member } from '../unit/transport/pair.ts';

describe('B28 a wiped member comes back under its old name', { timeout: 60_000 }, () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-b28-'));
  const members: Member[] = [];
  const alone = (
    id: string,
    options: Partial<TcpTransportOptions> = {},
    incarnation?: string,
  ): Promise<Member> => {
    const member = new Member(id, options, incarnation);
    members.push(member);
    return member.start();
  };
  afterEach(async () => {
    for (const { transport } of members.splice(0)) await transport.stop();
    rmSync(directory, { recursive: true });
  });

  it('a wiped member is refused, also after a restart of the other, until it is forgotten', async () => {
    const peersFile = path.join(directory, 'peers.json');
    const [before, after] = ['1', '2'].map((digit) => digit.repeat(32));
    const a = await alone('a', { peersFile });
    const b = await alone('b', {}, before);
    a.knows(b);
    b.knows(a);
    await eventually(() => a.transport.isReachable('b') && b.transport.isReachable('a'));
    expect(JSON.parse(readFileSync(peersFile, 'utf8')).peers).toEqual({ b: before });
    await a.transport.stop();
    await b.transport.stop();
    const a2 = await alone('a', { peersFile });
    const wiped = await alone('b', {}, after);
    a2.knows(wiped);
    wiped.knows(a2);
    await a2.until(() => a2.refused.length === 2);
    expect(a2.refused.map(({ reason, by }) => [reason, by])).toEqual([
      ['incarnation', 'self'],
      ['incarnation', 'self'],
    ]);
    expect(a2.transport.isReachable('b') || wiped.transport.isReachable('a')).toBe(false);
    await a2.transport.forgetPeer('b');
    await eventually(() => a2.transport.isReachable('b') && wiped.transport.isReachable('a'));
    expect(readFileSync(peersFile, 'utf8')).toContain(after);
  });
});
