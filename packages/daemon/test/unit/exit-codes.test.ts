import * as flowTable from '@raftwall/flow-table';
import * as raft from 'raft-ts';
import { expect, it } from 'vitest';
import { exitCodeOf, STORAGE_ERRORS } from '../../src/exit-codes.ts';

class StorageCorruptionError extends Error {
  override readonly name = 'StorageCorruptionError';
}

it('a storage error ends with 74, also as the cause of another, anything else with 70', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(exitCodeOf(full)).toBe(74);
  expect(exitCodeOf(new Error('start', { cause: new StorageCorruptionError() }))).toBe(74);
  expect(exitCodeOf(Object.assign(new Error('port'), { code: 'EADDRINUSE' }))).toBe(70);
  const locked = Object.assign(new Error('open elsewhere'), { name: 'StorageLockedError' });
  expect(exitCodeOf(locked)).toBe(70);
  expect(exitCodeOf('text')).toBe(70);
  const circle = new Error('circle');
  circle.cause = circle;
  expect(exitCodeOf(circle)).toBe(70);
});

it('every storage error that is known by name exists under that name', () => {
  const exported = new Set([...Object.keys(raft), ...Object.keys(flowTable)]);
  for (const name of STORAGE_ERRORS) expect(exported).toContain(name);
});
