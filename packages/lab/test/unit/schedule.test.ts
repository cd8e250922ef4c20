import { expect, it } from 'vitest';
import { schedule } from '../../src/index.ts';

const begin = (seed: number): string[] => {
  const rounds = schedule(seed);
  return Array.from({ length: 200 }, () => {
    const { fault, role, standby, pauseMs, flows } = rounds.next().value;
    return [fault.name, role, standby, pauseMs, flows].join(' ');
  });
};

it('a seed replays the schedule of a soak, another one gives another', () => {
  expect(begin(7)).toEqual(begin(7));
  expect(begin(7)).not.toEqual(begin(8));
});

it('every fault that needs no machines of its own comes in time, only at whom it can happen to', () => {
  const names = new Set(begin(1).map((line) => line.split(' ')[0]));
  expect([...names]).toEqual(expect.arrayContaining(['power-loss', 'failed-sync', 'wiped-disk']));
  expect(names).not.toContain('full-disk');
  expect(begin(1).filter((line) => line.startsWith('flushed-table active'))).toEqual([]);
});
