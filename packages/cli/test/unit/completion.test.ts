import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../src/completion.ts';
import { createProgram } from '../../src/program.ts';

const program = createProgram(() => {});

/** What bash offers behind these words, the last one half typed. */
function completed(...words: string[]): readonly string[] {
  const list = ['raftwall', ...words].map((word) => `'${word}'`).join(' ');
  const script = `${completionScript(program, 'bash')}
COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _raftwall; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['-uc', script], { encoding: 'utf8' });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('in bash', () => {
  it('commands, and those below a command', () => {
    expect(completed('sta')).toEqual(['status']);
    expect(completed('members', '')).toEqual(expect.arrayContaining(['add', 'promote', 'remove']));
    expect(completed('flows', 'del')).toEqual(['delete']);
  });

  it('options of the command that stands there, also behind its values', () => {
    expect(completed('status', '--wait')).toEqual(['--wait-ready']);
    expect(completed('--json', 'flows', '--proto', 'tcp', '--sp')).toEqual(['--sport']);
    expect(completed('flows', 'delete', '--al')).toEqual(['--all']);
    expect(completed('status', '--sp')).toEqual([]);
  });
});

it('fish and zsh get every command', () => {
  for (const { name } of program.commands.map((it) => ({ name: it.name() }))) {
    expect(completionScript(program, 'fish')).toContain(` -a ${name} -d `);
    expect(completionScript(program, 'zsh')).toContain(`'${name}'`);
  }
  expect(completionScript(program, 'fish')).toContain("-l wait-ready -r -d '");
});

it('another shell is refused with those that are known', () => {
  expect(() => completionScript(program, 'csh')).toThrow('bash, zsh, fish, not csh');
});
