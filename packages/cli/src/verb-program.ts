import { Command } from 'commander';
import type { VerbOptions } from './commands/verbs.ts';
import { addGlobalOptions } from './global-options.ts';

/** conntrackd's verbs, so that its runbooks and notify scripts work with this program. */
export function createVerbProgram(): Command {
  return addGlobalOptions(new Command('raftwall'))
    .description("conntrackd's verbs; every failure of them exits 1")
    .option('-i [table]', 'list the flows that this node is the source of: ct or expect')
    .option('-e [table]', 'list the flows that this node got from others: ct or expect')
    .option('-x', 'with -i or -e: XML, one flow a line')
    .option('-c [table]', 'bring the kernel level with the replicated table and wait for it')
    .option('-R [table]', 'the same')
    .option('-B', 'the same')
    .option('-n', 'the same')
    .option('-f [cache]', 'changes nothing and says so: internal or external')
    .option('-t', 'changes nothing and says so')
    .option('-F [table]', 'empty the kernel; not supported yet')
    .option('-s [topic]', 'statistics: ct, network, cache, runtime, link, queue or expect')
    .option('-k', 'stop the daemon; not supported yet')
    .option('--yes', 'with -F on the active node')
    .allowExcessArguments(false);
}

/** Global options whose value is the next argument. */
const WITH_VALUE = new Set(['--socket', '--url', '--token-file', '--ca-file']);

/** Whether the first thing on the command line that is no global option is a verb of conntrackd. */
export function asksForVerb(argv: readonly string[]): boolean {
  for (let at = 0; at < argv.length; at += 1) {
    const argument = argv[at] ?? '';
    if (WITH_VALUE.has(argument)) at += 1;
    else if (!/^--(json|socket=|url=|token-file=|ca-file=)/.test(argument)) {
      return /^-[iexcfFRBntsk]$/.test(argument);
    }
  }
  return false;
}

/** The verbs that were given, in their order. */
export function givenVerbs(argv: readonly string[]): (keyof VerbOptions)[] {
  return argv
    .filter((argument) => /^-[iexcfFRBntsk]$/.test(argument))
    .map((argument) => argument.slice(1) as keyof VerbOptions);
}
