import type { Command } from 'commander';
import { SOCKET_DEFAULT } from './context.ts';

/** Adds the options that every command takes. */
export function addGlobalOptions(command: Command): Command {
  return command
    .option(
      '--socket <path>',
      `the daemon's socket (default: $RAFTWALL_SOCKET or ${SOCKET_DEFAULT})`,
    )
    .option('--url <url>', 'the API over TCP instead')
    .option('--token-file <file>', 'with --url: file of the bearer token')
    .option('--ca-file <file>', "with --url: authority (PEM) of the API's certificate")
    .option('--json', 'answers for programs');
}
