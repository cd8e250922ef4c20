import { execFile, execFileSync } from 'node:child_process';
import { CommandFailedError } from './errors.ts';

/** What a command may be given. */
export interface CommandOptions {
  /** Written to its standard input. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Runs a command to its end.
 * @returns its standard output
 * @throws {CommandFailedError} If it does not exit with 0.
 */
export function run(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { maxBuffer: OUTPUT_BYTES_MAX, timeout: options.timeoutMs ?? 60_000 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else
          reject(
            new CommandFailedError(
              `${file} ${args.join(' ')}`,
              child.exitCode,
              stderr || error.message,
              stdout,
            ),
          );
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** As {@link run}, and blocks; for the way out of the process, where nothing can be awaited.
 * @returns its standard output; the empty string if it failed */
export function runQuietly(file: string, args: readonly string[], input = ''): string {
  try {
    return execFileSync(file, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
