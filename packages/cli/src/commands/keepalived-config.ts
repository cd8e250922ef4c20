import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Run } from '../context.ts';
import { CommandError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';

/** Beside this package, else where the system finds it. */
function raftwalldPath(): string {
  const beside = fileURLToPath(new URL('../../../daemon/bin/raftwalld', import.meta.url));
  return existsSync(beside) ? beside : 'raftwalld';
}

/** `keepalived-config`: the daemon's program knows its configuration file; none needs to run. */
export function keepalivedConfig(file: string | undefined): Run {
  return async ({ terminal }) => {
    const args = ['--keepalived-config', ...(file === undefined ? [] : ['--config', file])];
    await terminal.out(await outputOf(raftwalldPath(), args));
    return EXIT.done;
  };
}

function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout);
      else reject(new CommandError(stderr.trim() || cause.message, { cause }));
    });
  });
}
