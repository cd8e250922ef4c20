import type { Command } from 'commander';
import { UsageError } from './errors.ts';
import { commandsBelow } from './program-tree.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const SCRIPTS: Readonly<Record<Shell, (program: Command) => string>> = {
  bash: bashScript,
  // zsh runs completions of bash, which are simpler to keep right.
  zsh: (program) => `autoload -U +X bashcompinit && bashcompinit\n${bashScript(program)}`,
  fish: fishScript,
};

/**
 * The script that makes a shell complete the program's commands and options.
 * @throws {UsageError} If the shell is none that is known.
 */
export function completionScript(program: Command, shell: string): string {
  if (Object.hasOwn(SCRIPTS, shell)) return SCRIPTS[shell as Shell](program);
  throw new UsageError(`completion knows ${Object.keys(SCRIPTS).join(', ')}, not ${shell}`);
}

/** Names from the program down to the command, without the program's own. */
function pathOf(command: Command): readonly string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

function optionNames(command: Command): readonly string[] {
  return command.options.flatMap(({ long }) => (long === null || long === undefined ? [] : [long]));
}

function bashScript(program: Command): string {
  const all = [program, ...commandsBelow(program)];
  const keys = all.map((command) => ({ command, key: pathOf(command).join(' ') }));
  const steps = keys.filter(({ key }) => key !== '').map(({ key }) => `'${key}'`);
  const answers = keys.map(({ command, key }) => {
    const words = [...command.commands.map((it) => it.name()), ...optionNames(command)];
    return `    '${key}') words='${words.join(' ')}' ;;`;
  });
  return `_raftwall() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' word words='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="\${path:+$path }\${COMP_WORDS[at]}"
    case "$word" in
    ${steps.join(' | ')}) path=$word ;;
    esac
  done
  case "$path" in
${answers.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _raftwall raftwall
`;
}

function fishScript(program: Command): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const lines = [program, ...commandsBelow(program)].flatMap((command) => {
    const path = pathOf(command);
    const when =
      path.length === 0
        ? '__fish_use_subcommand'
        : path.map((name) => `__fish_seen_subcommand_from ${name}`).join('; and ');
    const start = `complete -c raftwall -n ${quoted(when)}`;
    const below = command.commands.map(
      (it) => `${start} -f -a ${it.name()} -d ${quoted(it.description())}`,
    );
    const options = command.options.flatMap(({ long, required, description }) =>
      long === null || long === undefined
        ? []
        : [`${start} -l ${long.slice(2)}${required ? ' -r' : ''} -d ${quoted(description)}`],
    );
    return [...below, ...options];
  });
  return `${lines.join('\n')}\n`;
}
