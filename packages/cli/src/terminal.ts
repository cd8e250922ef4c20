/** Where a command writes. */
export interface Terminal {
  /** Resolves when there is room for more. */
  out(text: string): Promise<void>;
  err(text: string): void;
  /** Whether stdout is read by a person; only then there are colours. */
  readonly isInteractive: boolean;
  /** Aborted when the reader of stdout has gone or the person interrupts. */
  readonly stopped: AbortSignal;
}

export type Style = 'good' | 'bad' | 'warn' | 'dim' | 'bold';

const CODES: Readonly<Record<Style, number>> = { good: 32, bad: 31, warn: 33, dim: 2, bold: 1 };

/** Colours for terminals, nothing for all else. */
export function styled(terminal: Pick<Terminal, 'isInteractive'>, style: Style, text: string) {
  return terminal.isInteractive ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

/** The terminal of this process. */
export function processTerminal(environment: NodeJS.ProcessEnv): Terminal {
  const stopped = new AbortController();
  process.stdout.on('error', () => stopped.abort());
  process.once('SIGINT', () => stopped.abort());
  return {
    isInteractive: process.stdout.isTTY === true && !environment['NO_COLOR'],
    stopped: stopped.signal,
    err: (text) => void process.stderr.write(text),
    out: (text) =>
      new Promise((resolve) => {
        if (process.stdout.write(text)) resolve();
        else process.stdout.once('drain', resolve).once('close', resolve);
      }),
  };
}
