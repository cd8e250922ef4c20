import { expect, it } from 'vitest';
import { differences, normalizeFlow } from '../../src/index.ts';

const LINE =
  'tcp      6 431999 ESTABLISHED src=192.168.0.3 dst=192.168.1.3 sport=51356 dport=22 ' +
  'src=192.168.1.3 dst=192.168.1.100 sport=22 dport=51356 [ASSURED] mark=0 use=1';

it('leaves out times and use counts, and keeps state, both tuples, ASSURED and mark', () => {
  expect(normalizeFlow(LINE)).toBe(
    'tcp ESTABLISHED src=192.168.0.3 dst=192.168.1.3 sport=51356 dport=22 ' +
      'src=192.168.1.3 dst=192.168.1.100 sport=22 dport=51356 [ASSURED] mark=0',
  );
  const other = LINE.replace('431999', '7').replace('use=1', 'use=2');
  expect(normalizeFlow(other)).toBe(normalizeFlow(LINE));
});

it('tells what is missing and what is extra', () => {
  expect(differences(['a', 'b'], ['b', 'c'])).toEqual(['missing: a', 'extra:   c']);
  expect(differences(['a'], ['a'])).toEqual([]);
});
