import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interpreter } from './commands.ts';
import { rerun } from './script.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const scripts = readdirSync(folder).filter((name) => name.endsWith('.txt'));
const isRewriting = process.env['RAFT_GOLDEN_REWRITE'] === '1';

describe('golden scripts (RAFT_GOLDEN_REWRITE=1 writes what happens now)', () => {
  it.each(scripts)('%s', (name) => {
    const before = readFileSync(`${folder}${name}`, 'utf8');
    const after = rerun(before, interpreter());
    if (isRewriting) writeFileSync(`${folder}${name}`, after);
    else expect(after).toBe(before);
  });

  it('a script without commands, or with an unknown one, is no proof', () => {
    for (const name of scripts) {
      const text = readFileSync(`${folder}${name}`, 'utf8');
      expect(text.split('\n').filter((line) => line.startsWith('> ')).length).toBeGreaterThan(2);
    }
    expect(() => rerun('> nonsense', interpreter())).toThrow('there is no command "nonsense"');
  });
});
