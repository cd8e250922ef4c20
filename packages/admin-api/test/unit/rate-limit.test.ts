import { expect, it } from 'vitest';
import { RateLimit } from '../../src/rate-limit.ts';

it('gives each requester a burst and then a rate', () => {
  let nowMs = 0;
  const limit = new RateLimit({ requestsPerSecondMax: 10, requestBurstMax: 3 }, () => nowMs);
  const take = (count: number) => Array.from({ length: count }, () => limit.take('a'));
  expect(take(4)).toEqual([true, true, true, false]);
  expect(limit.take('b')).toBe(true);
  nowMs = 200;
  expect(take(3)).toEqual([true, true, false]);
  nowMs = 60_000;
  expect(take(4)).toEqual([true, true, true, false]);
});

it('remembers a bounded number of requesters, the most recent ones', () => {
  const limit = new RateLimit({ requestsPerSecondMax: 1, requestBurstMax: 1 }, () => 0);
  expect(limit.take('first')).toBe(true);
  for (let i = 0; i < 1023; i += 1) limit.take(`other ${i}`);
  expect(limit.take('first')).toBe(false);
  for (let i = 0; i < 1024; i += 1) limit.take(`more ${i}`);
  expect(limit.take('first')).toBe(true);
});
