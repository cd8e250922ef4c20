import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { VrrpState } from '../../src/index.ts';
import { VIPS, type VrrpNode, VrrpPair } from '../support/vrrp-pair.ts';

let pair: VrrpPair;

beforeEach(() => {
  pair = new VrrpPair();
});
afterEach(() => pair.close());

async function state(node: VrrpNode, wanted: VrrpState): Promise<void> {
  await expect.poll(() => node.follower.state, { timeout: 10_000, interval: 20 }).toBe(wanted);
}

function holds(node: VrrpNode): boolean {
  return node.addresses.current().some((address) => VIPS.includes(address.split('/')[0]!));
}

it('A5 follows the level of the real keepalived', async () => {
  const [a, b] = pair.nodes;
  const signs: string[] = [];
  a.follower.on('change', ({ state, mastering }) => signs.push(`${state} ${mastering}`));
  a.startKeepalived();
  await state(a, 'MASTER');
  await expect.poll(() => holds(a)).toBe(true);
  expect(signs.at(-1)).toBe('MASTER true');
  // The first sign (an instance, an address) comes before the group says MASTER.
  expect(signs).toContain('BACKUP true');
  b.startKeepalived();
  await expect.poll(() => b.fifo.listenerCount('line')).toBe(1);
  await state(b, 'BACKUP');
  await a.stopKeepalived();
  await state(b, 'MASTER');
  await state(a, 'STOP');
  await expect.poll(() => [a.follower.mastering, b.follower.mastering]).toEqual([false, true]);
});

it('reads the same FIFO on through a restart of keepalived', async () => {
  const [a] = pair.nodes;
  a.startKeepalived();
  await state(a, 'MASTER');
  await a.stopKeepalived();
  await state(a, 'STOP');
  a.startKeepalived();
  await state(a, 'MASTER');
  expect(a.fifo.badLines).toBe(0);
});

it('moves the virtual addresses by the track file, and keeps them when all files are 0', async () => {
  const [a, b] = pair.nodes;
  a.track.set(1);
  a.startKeepalived();
  await state(a, 'MASTER');
  b.startKeepalived();
  b.track.set(1);
  await expect.poll(() => existsSync(join(b.directory, 'vrrp.pid'))).toBe(true);
  await state(b, 'BACKUP');
  a.track.set(0);
  await state(b, 'MASTER');
  await state(a, 'BACKUP');
  await expect.poll(() => [holds(a), holds(b)]).toEqual([false, true]);
  const moves: VrrpState[] = [];
  b.follower.on('change', (level) => moves.push(level.state));
  b.track.close();
  // Four advertisements are enough to move the addresses; none may.
  await new Promise((resolve) => setTimeout(resolve, 4 * 300));
  expect(moves).toEqual([]);
  expect(holds(b)).toBe(true);
});
