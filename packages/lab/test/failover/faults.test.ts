import { expect, it } from 'vitest';
import { faults, measureCell, shortcomings, type VictimRole } from '../../src/index.ts';

/** Those of the matrix (`npm run faults`) that say most in little time. */
const TELLING: readonly (readonly [fault: string, role: VictimRole])[] = [
  ['power-loss', 'standby'],
  ['frozen-machine', 'active'],
  ['killed-keepalived', 'active'],
  ['downed-interface', 'active'],
  ['mute-member', 'active'],
  ['failed-sync', 'active'],
  ['full-disk', 'active'],
  ['wiped-disk', 'active'],
];

it.each(TELLING)(
  'follow: %s of the %s firewall costs no session and no flow',
  async (name, role) => {
    const fault = faults.find((one) => one.name === name)!;
    const result = await measureCell({ fault, mode: 'follow', role });
    expect(shortcomings(result), JSON.stringify(result, null, 2)).toEqual([]);
    expect(result.survived).toBe(200);
  },
);
