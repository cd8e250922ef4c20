import { expect, it } from 'vitest';
import { exitCodeOf } from '../../src/exit-codes.ts';

class StorageCorruptionError extends Error {
  override readonly name = 'StorageCorruptionError';
}

it('a storage error ends with 74, also as the cause of another, anything else with 70', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(exitCodeOf(full)).toBe(74);
  expect(exitCodeOf(new Error('start', { cause: new StorageCorruptionError() }))).toBe(74);
  expect(exitCodeOf(Object.assign(new Error('port'), { code: 'EADDRINUSE' }))).toBe(70);
  expect(exitCodeOf('text')).toBe(70);
  const circle = new Error('circle');
  circle.cause = circle;
  expect(exitCodeOf(circle)).toBe(70);
});
