import { readFile } from 'node:fs/promises';
import { AdminClient, type ClientTarget } from '@raftwall/admin-api/client';
import { CommandError, UsageError } from './errors.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** Socket of the local daemon unless told otherwise. */
export const SOCKET_DEFAULT = '/run/raftwall/raftwall.sock';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly socket?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly json?: boolean;
}

/** What a command works with. */
export interface CommandContext {
  readonly client: AdminClient;
  /** Whether the person has said which daemon is meant; else it is the one at the usual place. */
  readonly isTargetNamed: boolean;
  readonly terminal: Terminal;
  readonly json: boolean;
}

/** Does its work and says how it ended. */
export type Run = (context: CommandContext) => Promise<ExitCode>;

/**
 * Finds the daemon.
 * @throws {UsageError} If the options contradict each other.
 * @throws {CommandError} If a file that they name cannot be read.
 */
export async function createClient(
  options: GlobalOptions,
  environment: NodeJS.ProcessEnv,
): Promise<AdminClient> {
  return new AdminClient(await targetOf(options, environment));
}

/** @returns Whether options or environment say which daemon is meant. */
export function namesTarget(options: GlobalOptions, environment: NodeJS.ProcessEnv): boolean {
  return (
    options.url !== undefined ||
    options.socket !== undefined ||
    (environment['RAFTWALL_SOCKET'] ?? '') !== ''
  );
}

async function targetOf(
  { socket, url, tokenFile, caFile }: GlobalOptions,
  environment: NodeJS.ProcessEnv,
): Promise<ClientTarget> {
  if (url === undefined) {
    if (tokenFile !== undefined || caFile !== undefined) {
      throw new UsageError('--token-file and --ca-file belong to --url');
    }
    return { socketPath: socket ?? (environment['RAFTWALL_SOCKET'] || SOCKET_DEFAULT) };
  }
  if (socket !== undefined) throw new UsageError('--socket and --url exclude each other');
  if (!/^https?:\/\/./.test(url) || !URL.canParse(url)) {
    throw new UsageError(`--url ${url} is not an http: or https: URL`);
  }
  return {
    url,
    ...(tokenFile === undefined ? {} : { token: (await readText(tokenFile)).trim() }),
    ...(caFile === undefined ? {} : { ca: await readText(caFile) }),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`A file could not be read: ${reason}`, { cause: error });
  }
}
