import { expect } from 'vitest';
import {
  findViolations,
  type RegisterOperation,
  type Timed,
} from '../../src/testing/linearizability.ts';

/** Fails with the histories that no correct store gives. */
export function expectLinearizable(
  histories: ReadonlyMap<string, readonly Timed<RegisterOperation>[]>,
): void {
  const violations = findViolations(histories);
  const explained = violations.map((key) => [key, histories.get(key)]);
  expect(violations, JSON.stringify(explained)).toEqual([]);
}
