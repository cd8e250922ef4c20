/** Codes of the lab's errors. */
export type LabErrorCode =
  | 'LAB_ROOT_NEEDED'
  | 'LAB_COMMAND_FAILED'
  | 'LAB_PROCESS_ENDED'
  | 'LAB_TIMED_OUT';

/** Base of the lab's errors; `detail` holds what a person needs to find the cause. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
  }
}

/** Thrown when the lab is started by somebody who may not make network namespaces. */
export class RootNeededError extends LabError {
  constructor() {
    super('LAB_ROOT_NEEDED', 'the lab makes network namespaces and needs root: run it with sudo');
  }
}

/** Thrown when a command of the lab ends with another exit code than 0. */
export class CommandFailedError extends LabError {
  readonly exitCode: number | null;
  readonly stderr: string;
  /** What it printed before. */
  readonly stdout: string;

  constructor(command: string, exitCode: number | null, stderr: string, stdout = '') {
    super(
      'LAB_COMMAND_FAILED',
      `"${command}" ended with ${exitCode ?? 'a signal'}: ${stderr.trim()}`,
    );
    this.exitCode = exitCode;
    this.stderr = stderr;
    this.stdout = stdout;
  }
}

/** Thrown when a process that the lab relies on ends by itself. */
export class ProcessEndedError extends LabError {
  constructor(name: string, tail: string) {
    super('LAB_PROCESS_ENDED', `${name} ended by itself; its last lines:\n${tail}`);
  }
}

/** Thrown when something that must happen has not happened in its time. */
export class TimedOutError extends LabError {
  constructor(what: string, timeoutMs: number, found: string) {
    super('LAB_TIMED_OUT', `${what}: not within ${timeoutMs} ms; now: ${found}`);
  }
}
