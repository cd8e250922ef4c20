import { rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  InvalidOptionError,
  recoverCluster,
  StorageIdentityError,
  StorageLockedError,
} from '../../src/index.ts';
import {
  clusterId,
  freeAddresses,
  leaderOf,
  type Member,
  members,
  newDirectory,
  promoted,
  start,
  stop,
  untilEqual,
} from './tcp-members.ts';

const ids = ['a', 'b', 'c'];

async function propose(member: Member, ...lines: readonly string[]): Promise<void> {
  for (const line of lines) await member.node.propose(Buffer.from(line));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('L4 recoverCluster', () => {
  it('one member of three leads alone, refuses the old ones, and takes them as new ones', async () => {
    const directory = newDirectory();
    const addresses = await freeAddresses(ids);
    const all = await Promise.all(ids.map((id) => start(id, directory, addresses)));
    await propose(await leaderOf(all), 'one', 'two');
    await untilEqual(all, 2);
    for (const member of all) await stop(member);

    const own = { a: addresses['a']! };
    const recovering = { directory: path.join(directory, 'a'), clusterId, members: own };
    const recovery = await recoverCluster(recovering);
    expect(recovery).toMatchObject({ config: { voters: ['a'], generation: 1 }, wasTorn: false });
    const again = await recoverCluster(recovering);
    expect(again.config.generation).toBe(2);
    expect(again.term).toBe(recovery.term + 1);

    const a = await start('a', directory, addresses);
    expect(await leaderOf([a])).toBe(a);
    await propose(a, 'alone');
    expect(a.journal.lines).toEqual(['one', 'two', 'alone']);
    expect(a.node.status().config).toEqual(again.config);

    // The old members still know one another: they go on as what they were, and a hears nothing of it.
    const old = await Promise.all(['b', 'c'].map((id) => start(id, directory, addresses)));
    await until(() => old.every(({ refused }) => refused.length > 0));
    for (const { refused } of old) {
      expect(refused[0]).toMatchObject({ peer: 'a', reason: 'cluster-generation' });
    }
    await propose(await leaderOf(old), 'of the old cluster');
    for (const member of old) await stop(member);

    for (const id of ['b', 'c']) rmSync(path.join(directory, id), { recursive: true });
    for (const id of ['b', 'c']) rmSync(path.join(directory, `${id}.peers.json`));
    for (const id of ['b', 'c']) {
      await start(id, directory, addresses, own);
      await a.node.addLearner(id, addresses[id]!);
      await promoted(a, id);
    }
    const [b, c] = ['b', 'c'].map((id) => members.get(id)!) as [Member, Member];
    await propose(b, 'three again');
    await untilEqual([a, b, c], 4);
    expect(a.journal.lines).toEqual(['one', 'two', 'alone', 'three again']);
    expect(c.node.status().config).toMatchObject({ voters: ids, generation: 2 });
  }, 60_000);

  it('leaves a running member and another cluster alone, and names what is wrong', async () => {
    const directory = newDirectory();
    const addresses = await freeAddresses(['a']);
    const member = await start('a', directory, addresses);
    const options = { directory: path.join(directory, 'a'), clusterId, members: addresses };
    await expect(recoverCluster(options)).rejects.toThrow(StorageLockedError);
    await leaderOf([member]);
    await propose(member, 'unharmed');
    await stop(member);
    await expect(recoverCluster({ ...options, clusterId: 'other' })).rejects.toThrow(
      StorageIdentityError,
    );
    await expect(recoverCluster({ ...options, members: {} })).rejects.toThrow(InvalidOptionError);
    await expect(recoverCluster({ ...options, members: { a: 'nowhere' } })).rejects.toThrow(
      'members.a',
    );
    const back = await start('a', directory, addresses);
    await leaderOf([back]);
    await propose(back, 'as before');
    expect(back.node.status().config.generation).toBe(0);
    expect(back.journal.lines).toEqual(['unharmed', 'as before']);
  }, 60_000);
});
