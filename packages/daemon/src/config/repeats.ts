import type { Faults } from './fault.ts';

/** Reports every value that stands in an earlier place too; undefined values are faults already. */
export function reportRepeats(
  values: readonly (string | undefined)[],
  pathOf: (index: number) => (string | number)[],
  faults: Faults,
): void {
  values.forEach((value, index) => {
    if (value === undefined || values.indexOf(value) === index) return;
    faults.add(pathOf(index), `is ${JSON.stringify(value)}, which stands there twice`, 'each once');
  });
}
