import type { Command } from 'commander';

/** All commands, each followed by those below it. */
export function commandsBelow(program: Command): readonly Command[] {
  return program.commands.flatMap((command) => [command, ...commandsBelow(command)]);
}
