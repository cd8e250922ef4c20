import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import {
  freeAddresses,
  leaderOf,
  newDirectory,
  promoted,
  start,
  stop,
  untilEqual,
} from './tcp-members.ts';

const ids = ['a', 'b', 'c'];

it('B28 wiped member: refused until it was removed and added again, and level only then', async () => {
  const directory = newDirectory();
  const addresses = await freeAddresses(ids);
  const all = await Promise.all(ids.map((id) => start(id, directory, addresses)));
  const leader = await leaderOf(all);
  await leader.node.propose(Buffer.from('one'));
  await untilEqual(all, 1);
  const victim = all.find((member) => member !== leader)!;
  const { id } = victim.node;
  await stop(victim);
  rmSync(path.join(directory, id), { recursive: true });

  const wiped = await start(id, directory, addresses);
  while (wiped.refused.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const refusal of wiped.refused) {
    expect(refusal).toMatchObject({ by: 'peer', reason: 'incarnation' });
  }
  await leader.node.propose(Buffer.from('two'));
  expect(wiped.store.lastIndex).toBe(0);
  expect(wiped.node.status()).toMatchObject({ term: 0, leader: null });

  await leader.node.removeMember(id);
  // It is trusted again, but it is nobody: it gets nothing before it is added.
  await leader.node.addLearner(id, addresses[id]!);
  await promoted(leader, id);
  const rest = all.filter((member) => member !== victim);
  await untilEqual([...rest, wiped], 2);
  expect(leader.node.status().config.voters).toHaveLength(3);

  // The new directory is now the one that must stay.
  await stop(wiped);
  rmSync(path.join(directory, id), { recursive: true });
  const again = await start(id, directory, addresses);
  while (again.refused.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(again.refused[0]).toMatchObject({ by: 'peer', reason: 'incarnation' });
}, 60_000);
