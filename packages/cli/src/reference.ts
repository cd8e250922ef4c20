import type { Command, Option } from 'commander';
import { createProgram } from './program.ts';
import { commandsBelow } from './program-tree.ts';
import { createVerbProgram } from './verb-program.ts';

const HEAD = `# Command line of raftwall

\`raftwall [--socket PATH | --url URL [--token-file FILE]] COMMAND [--json]\` asks and steers one raftwalld. Without options it
takes the socket of this machine's daemon. Options may stand before or behind the command.

This page is generated from the code (\`npm run docs\` in \`packages/cli\`).
`;

const EXITS = `## Exit codes

| code | meaning |
|---|---|
| 0 | done; \`verify\`: equal; \`doctor\`: no error |
| 1 | refused or failed; \`verify\`: not equal; \`doctor\`: an error was found; any failure of conntrackd's verbs |
| 2 | wrong usage |
| 3 | the daemon cannot be reached |
| 4 | \`status --wait-ready\`: not ready in time |
`;

const FLOWS = `## Lines of \`flows\`

As \`conntrack -L\` prints them. \`use=\` is the kernel's reference count, which is not replicated: it is always 1 here.
With \`--json\`, one object a line: \`family\`, \`protocol\`, \`zone\`, \`original\` and \`reply\` (each with \`src\`, \`dst\` and, where the protocol has
ports, \`sport\`, \`dport\`), \`state\`, \`status\`, \`timeoutSeconds\`, \`mark\`, \`node\`.
`;

/** @returns The reference page of the command line, as Markdown. */
export function cliReference(): string {
  const program = createProgram(() => {});
  const globals = program.options.filter((option) => option.long !== '--version');
  const globalFlags = new Set(globals.map((option) => option.long));
  const commands = commandsBelow(program).map((command) => commandText(command, globalFlags));
  return [
    HEAD,
    '## Options of every command\n',
    optionTable(globals),
    EXITS,
    '## Commands\n',
    ...commands,
    FLOWS,
    "## conntrackd's verbs\n",
    'So that runbooks and notify scripts work: of several verbs the last one counts, and every failure exits 1.\n',
    optionTable(createVerbProgram().options.filter((option) => !globalFlags.has(option.long))),
  ].join('\n');
}

function commandText(command: Command, globals: ReadonlySet<string | undefined>): string {
  const own = command.options.filter((option) => !globals.has(option.long));
  const names = command.registeredArguments.map((argument) => ` <${argument.name()}>`);
  const above = command.parent?.parent ? `${command.parent.name()} ` : '';
  const heading = `### ${above}${command.name()}${names.join('')}\n\n${sentence(command.description())}\n`;
  return own.length === 0 ? heading : `${heading}\n${optionTable(own)}`;
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => `| \`${option.flags}\` | ${option.description} |`);
  return `${['| option | meaning |', '|---|---|', ...rows].join('\n')}\n`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
