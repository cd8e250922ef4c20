import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './config/options.ts';

export type { Logger } from 'pino';

/** What the log needs of the process. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** Lines for people instead of JSON. */
  readonly isTerminal: boolean;
}

const STDERR_FD = 2;

/**
 * The daemon's log: on stderr one JSON line for each event, or readable lines on a terminal. Writing is synchronous, so
 * that the last words before an exit are not lost.
 */
export function createLogger({ level, isTerminal }: LoggerOptions): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (!isTerminal) return pino(options, pino.destination({ dest: STDERR_FD, sync: true }));
  return pino(options, pretty({ destination: STDERR_FD, sync: true, colorize: true }));
}
