import { RefusedError, UnreachableError } from '@raftwall/admin-api/client';
import { type Command, CommanderError } from 'commander';
import { runVerb, type VerbOptions } from './commands/verbs.ts';
import { createClient, type GlobalOptions, namesTarget, type Run } from './context.ts';
import { UsageError } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { createProgram } from './program.ts';
import { commandsBelow } from './program-tree.ts';
import type { Terminal } from './terminal.ts';
import { asksForVerb, createVerbProgram, givenVerbs } from './verb-program.ts';

/** What the program needs of its process. */
export interface Environment {
  readonly terminal: Terminal;
  readonly variables: NodeJS.ProcessEnv;
}

interface Choice {
  readonly run: Run;
  readonly options: GlobalOptions;
}

/**
 * `raftwall` as a program.
 * @param argv Arguments without interpreter and script.
 * @returns The exit code (see `EXIT`).
 */
export async function main(argv: readonly string[], environment: Environment): Promise<ExitCode> {
  const isVerb = asksForVerb(argv);
  try {
    const choice = isVerb ? chooseVerb(argv, environment) : chooseCommand(argv, environment);
    if (choice === null) return EXIT.done;
    const client = await createClient(choice.options, environment.variables);
    const json = choice.options.json === true;
    const isTargetNamed = namesTarget(choice.options, environment.variables);
    return await choice.run({ client, isTargetNamed, terminal: environment.terminal, json });
  } catch (error) {
    const code = report(error, environment.terminal);
    // Notify scripts written for conntrackd test for exactly 1.
    return isVerb && code !== EXIT.done ? EXIT.refused : code;
  }
}

function chooseVerb(argv: readonly string[], environment: Environment): Choice {
  const program = mute(createVerbProgram(), environment);
  program.parse(argv, { from: 'user' });
  const options = program.opts<VerbOptions & GlobalOptions>();
  return { run: runVerb(options, givenVerbs(argv)), options };
}

function chooseCommand(argv: readonly string[], environment: Environment): Choice | null {
  let choice: Choice | null = null;
  const program = createProgram((run, command) => {
    choice = { run, options: command.optsWithGlobals() };
  });
  mute(program, environment);
  for (const command of commandsBelow(program)) mute(command, environment);
  program.parse(argv, { from: 'user' });
  return choice;
}

/** Commander throws instead of ending the process, and writes where the program writes. */
function mute(command: Command, { terminal }: Environment): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => void terminal.out(text),
    writeErr: (text) => terminal.err(text),
  });
}

function report(error: unknown, terminal: Terminal): ExitCode {
  // Commander has told the person already; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const message = error instanceof Error ? error.message : String(error);
  terminal.err(`raftwall: ${message}${adviceOn(error)}\n`);
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof UnreachableError ? EXIT.unreachable : EXIT.refused;
}

function adviceOn(error: unknown): string {
  if (error instanceof UnreachableError) {
    return '\nStart the service (systemctl start raftwalld) or name its socket with --socket.';
  }
  if (!(error instanceof RefusedError)) return '';
  if (error.problem === 'unknown-member') return '\nSee raftwall members.';
  if (error.problem === 'not-active') return '\nSee "active" in raftwall status.';
  if (error.problem === 'forbidden')
    return '\nAsk with a token of that role, or on the node itself as root.';
  if (error.problem === 'unauthorized') return '\nName a token with --token-file.';
  return '';
}
